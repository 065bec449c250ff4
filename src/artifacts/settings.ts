// What the environment says about where artifacts are.
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import querystring from 'node:querystring'
import type { Places } from './remote.ts'
import type { Tracking } from './tracking-server.ts'

/** What MLflow's own variables say about the tracking server. */
export type TrackingVariables = {
  MLFLOW_TRACKING_URI?: string | undefined
  MLFLOW_TRACKING_TOKEN?: string | undefined
  MLFLOW_TRACKING_USERNAME?: string | undefined
  MLFLOW_TRACKING_PASSWORD?: string | undefined
}

/** The tracking server that MLflow's variables name; null when they name none that speaks HTTP. *Pure.* */
export function trackingFrom(env: TrackingVariables): Tracking | null {
  const text = env.MLFLOW_TRACKING_URI?.trim() ?? ''
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return null
  const user = env.MLFLOW_TRACKING_USERNAME || querystring.unescape(url.username)
  const password = env.MLFLOW_TRACKING_PASSWORD || querystring.unescape(url.password)
  url.username = ''
  url.password = ''
  const basic =
    user === '' || password === '' ? null : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const token = env.MLFLOW_TRACKING_TOKEN?.trim()
  // MLflow's own client prefers a user where it is given both.
  const authorization = basic ?? (token ? `Bearer ${token}` : null)
  return { url: url.href.replace(/[?#].*$/s, '').replace(/\/+$/, ''), authorization }
}

/** Artifacts may be fetched from below these addresses, and from the tracking server. *Pure.* */
export function placesBelow(addresses: string[], tracking: Tracking | null): Places {
  const tops = addresses.map((address) => {
    const isHttp = /^https?:/i.test(address)
    return (isHttp ? new URL(address).href : address).replace(/\/*$/, '/')
  })
  return {
    tracking,
    permits: (uri) => uri.startsWith('mlflow-artifacts:') || tops.some((top) => uri.startsWith(top)),
  }
}

/** The absolute path of the folder in which fetched artifacts are kept. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const home = env.GREENROOM_HOME?.trim()
  if (home) return resolve(home, 'artifacts')
  return resolve(env.XDG_CACHE_HOME?.trim() || join(homedir(), '.cache'), 'greenroom', 'artifacts')
}
