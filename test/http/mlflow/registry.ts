import type { Role } from '../../../src/http/roles.ts'
import { policyOf } from '../../helpers/policies.ts'
import { type Changes, openApp } from '../app-fixture.ts'

/** MLflow's registry as its client reaches it. */
export type Registry = Awaited<ReturnType<typeof openRegistry>>

/** The folder from which the registry takes local models. */
export const modelFolder = '/srv/models'

/** Any stage may follow any other, and no check is waited for. */
const ungated = policyOf('defaults: { gate: none, validate: [ { metrics: { score: { min: 0 } } } ] }')

/** Opens an application whose policy has no gate, unless `changes` say otherwise. */
export async function openRegistry(changes: Changes = {}) {
  const { config, ...others } = changes
  const fixture = await openApp({
    policy: ungated,
    config: { artifactRoots: [modelFolder], ...config },
    ...others,
  })

  const request = async (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    payload: string | object | undefined,
    headers: Record<string, string>,
  ) => {
    const url = path.startsWith('/') ? path : `/api/2.0/mlflow/${path}`
    const answer = await fixture.app.inject({
      method,
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    })
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers }
  }
  /** A GET with a query, in which a list is a repeated key. */
  const get = (path: string, query: Record<string, string | string[]> = {}, role: Role = 'admin') => {
    const search = new URLSearchParams()
    for (const [key, values] of Object.entries(query))
      for (const value of [values].flat()) search.append(key, value)
    return request('GET', `${path}?${search}`, undefined, fixture.as(role))
  }
  /** A call with a JSON body. */
  const send = (method: 'POST' | 'PATCH' | 'DELETE', path: string, body: object, role: Role = 'admin') =>
    request(method, path, JSON.stringify(body), { ...fixture.as(role), 'content-type': 'application/json' })
  const post = (path: string, body: object, role?: Role) => send('POST', path, body, role)
  const patch = (path: string, body: object, role?: Role) => send('PATCH', path, body, role)
  const remove = (path: string, body: object, role?: Role) => send('DELETE', path, body, role)

  /** Makes a model with that many versions, and gives its name. */
  const make = async (name: string, versions = 0) => {
    await post('registered-models/create', { name })
    for (let made = 0; made < versions; made++)
      await post('model-versions/create', { name, source: `s3://bucket/${name}/${made + 1}` })
    return name
  }
  const move = (name: string, version: string, stage: string, archive_existing_versions = false) =>
    post('model-versions/transition-stage', { name, version, stage, archive_existing_versions })
  return { ...fixture, request, get, post, patch, remove, make, move }
}

/** The body of an error with this code and text. */
export const error = (error_code: string, message: unknown) => ({ error_code, message })
