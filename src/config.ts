import { existsSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import type { z } from 'zod'
import { trackingFrom } from './artifacts/settings.ts'
import type { Tracking } from './artifacts/tracking-server.ts'
import { OperatorError } from './errors.ts'
import { nearestOf } from './spelling.ts'
import { variables } from './variables.ts'
import type { OutboundRules } from './webhooks/guard.ts'
import type { KeyRing } from './webhooks/secrets.ts'

export { configTable } from './variables.ts'

/** How to reach the Slack workspace that is asked for approval. */
export type SlackConfig = {
  botToken: string
  signingSecret: string
  /** Channel id. */
  channel: string
  /** Base URL of the Web API without a slash at its end; null: Slack's own. */
  apiUrl: string | null
}

/** Secrets of inbound webhooks, the current and those being rotated out; an empty list turns the route off. */
export type WebhookSecrets = {
  /** As they are keyed in at MLflow. */
  mlflow: string[]
  /** Decoded from `whsec_<base64>`; at least 24 bytes each. */
  registrations: Buffer[]
}

/** How much work runs at once, and how it is ended. */
export type WorkerConfig = {
  /** Checks in progress at once. */
  checks: number
  /** Notifications in progress at once. */
  notifications: number
  /** Deliveries to webhooks in progress at once. */
  deliveries: number
  /** Child processes kept warm for checks that load a model. */
  sandboxes: number
  /** Milliseconds that a stop waits for active jobs. */
  shutdownMs: number
}

/**
 * All that a deployment can set, with units converted. One made by `loadConfig` shows no secret when it, its
 * `slack`, its `webhooks` or its `tracking` is printed or turned into JSON; a copy made by spreading has lost that.
 */
export type Config = {
  /** Address to listen on. */
  host: string
  /** Port to listen on; 0 takes a free one. */
  port: number
  /** Where people reach the server, for links in messages; no slash at its end. */
  publicUrl: string
  /** Absolute path of the folder for the embedded database and other local files. */
  home: string
  /** Absolute path of the policy file; null: built-in rules. */
  policyPath: string | null
  /** PostgreSQL; null: an embedded one under `home`. */
  databaseUrl: string | null
  /** Redis for the queues; null: the queues run on PostgreSQL. */
  redisUrl: string | null
  /** `off` is possible on a loopback address only. */
  auth: 'tokens' | 'off'
  /** Null: there is no Slack; requests go to the console. */
  slack: SlackConfig | null
  webhooks: WebhookSecrets
  /** Where outbound webhooks may lead. */
  outbound: OutboundRules
  /** What their secrets are sealed with; empty: they can have none. A key object shows nothing of itself. */
  encryptionKeys: KeyRing
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Absolute paths of the folders from which local model files may be read. */
  artifactRoots: string[]
  /** Addresses below which remote artifacts may be read. */
  artifactUrls: string[]
  /** The MLflow tracking server that knows where artifacts are; null: there is none. */
  tracking: Tracking | null
  workers: WorkerConfig
  /** A bearer token with every right; null: there is none. */
  adminToken: string | null
}

/** Environment variables, as in `process.env`. */
export type Environment = Record<string, string | undefined>

type Values = z.infer<typeof variables>

/**
 * The configuration in an environment; an empty variable counts as unset, relative paths start from `cwd`.
 * Throws one OperatorError with a line for every fault, none of which shows a value. *Pure* but for `exists`,
 * which is asked about the policy file.
 */
export function loadConfig(
  env: Environment,
  cwd: string,
  exists: (path: string) => boolean = existsSync,
): Config {
  const given = givenVariables(env)
  const parsed = variables.safeParse(given)
  const policyPath = findPolicy(given.GREENROOM_POLICY, cwd, exists)
  const faults = [
    ...unknownVariables(Object.keys(env)),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${String(path[0])} ${message}`),
    ...faultsBetween(given),
  ]
  if (given.GREENROOM_POLICY !== undefined && policyPath === null)
    faults.push('GREENROOM_POLICY names a file that does not exist; correct the path or remove the variable')
  if (faults.length > 0 || !parsed.success) throw new OperatorError(faults.join('\n'))
  return hideSecrets(buildConfig(parsed.data, cwd, policyPath))
}

/** The variables that are set, trimmed; an empty one is not. *Pure.* */
export function givenVariables(env: Environment): Environment {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : [])),
  )
}

/** What may be shown of a configuration: all but its secrets. *Pure.* */
export function describeConfig(config: Config): Record<string, unknown> {
  return {
    ...config,
    databaseUrl: describeUrl(config.databaseUrl),
    redisUrl: describeUrl(config.redisUrl),
    slack: config.slack && describeSlack(config.slack),
    webhooks: describeWebhooks(config.webhooks),
    encryptionKeys: config.encryptionKeys.map(() => hidden),
    tracking: config.tracking && describeTracking(config.tracking),
    adminToken: config.adminToken === null ? null : hidden,
  }
}

function findPolicy(
  given: string | undefined,
  cwd: string,
  exists: (path: string) => boolean,
): string | null {
  const path = resolve(cwd, given ?? 'greenroom.yaml')
  return exists(path) ? path : null
}

function unknownVariables(names: string[]): string[] {
  const known = Object.keys(variables.shape)
  const prefix = 'GREENROOM_'
  return names
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .map((name) => {
      // Without the prefix, which would make any two names look alike.
      const endings = known.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length))
      const near = nearestOf(name.slice(prefix.length), endings)
      return `${name} is not a variable of Greenroom; ${near === null ? 'remove it' : `did you mean ${prefix}${near}?`}`
    })
}

/** Faults that only two variables together have. They are sought in what was given, so that no other fault hides them. */
function faultsBetween(given: Environment): string[] {
  const faults: string[] = []
  if (given.GREENROOM_AUTH === 'off' && !isLoopback(given.HOST ?? '127.0.0.1'))
    faults.push(
      'GREENROOM_AUTH=off needs a loopback address; set HOST to 127.0.0.1, or GREENROOM_AUTH to tokens',
    )
  const needed = ['SLACK_BOT_TOKEN', 'SLACK_SIGNING_SECRET', 'SLACK_CHANNEL']
  const missing = needed.filter((name) => given[name] === undefined)
  const wanted = [...needed, 'SLACK_API_URL'].filter((name) => given[name] !== undefined)
  if (wanted.length > 0 && missing.length > 0)
    faults.push(`${missing.join(' and ')} must be set too, because ${wanted[0]} is; or set none for no Slack`)
  return faults
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

function buildConfig(values: Values, cwd: string, policyPath: string | null): Config {
  return {
    host: values.HOST,
    port: values.PORT,
    publicUrl: values.GREENROOM_URL ?? localUrl(values.HOST, values.PORT),
    home: resolve(cwd, values.GREENROOM_HOME),
    policyPath,
    databaseUrl: values.DATABASE_URL ?? null,
    redisUrl: values.REDIS_URL ?? null,
    auth: values.GREENROOM_AUTH,
    slack: slackFrom(values),
    webhooks: {
      mlflow: values.MLFLOW_WEBHOOK_SECRET ?? [],
      registrations: values.REGISTRATION_WEBHOOK_SECRET ?? [],
    },
    outbound: {
      schemes: values.WEBHOOK_ALLOWED_SCHEMES,
      allowPrivateAddresses: values.WEBHOOK_ALLOW_PRIVATE_ADDRESSES === 'true',
    },
    encryptionKeys: values.GREENROOM_ENCRYPTION_KEY ?? [],
    logLevel: values.LOG_LEVEL,
    artifactRoots: values.GREENROOM_ARTIFACT_ROOTS ?? [cwd],
    artifactUrls: values.GREENROOM_ARTIFACT_URLS ?? [],
    tracking: trackingFrom(values),
    workers: {
      checks: values.GREENROOM_CHECK_CONCURRENCY,
      notifications: values.GREENROOM_NOTIFICATION_CONCURRENCY,
      deliveries: values.GREENROOM_DELIVERY_CONCURRENCY,
      sandboxes: values.GREENROOM_SANDBOXES,
      shutdownMs: values.GREENROOM_SHUTDOWN_TIMEOUT,
    },
    adminToken: values.GREENROOM_ADMIN_TOKEN ?? null,
  }
}

function slackFrom(values: Values): SlackConfig | null {
  const { SLACK_BOT_TOKEN: botToken, SLACK_SIGNING_SECRET: signingSecret, SLACK_CHANNEL: channel } = values
  if (botToken === undefined || signingSecret === undefined || channel === undefined) return null
  return { botToken, signingSecret, channel, apiUrl: values.SLACK_API_URL ?? null }
}

function localUrl(host: string, port: number): string {
  // The address of all interfaces is none that a link can lead to.
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
}

const hidden = '[secret]'

function describeSlack(slack: SlackConfig): Record<string, unknown> {
  return { ...slack, botToken: hidden, signingSecret: hidden }
}

function describeWebhooks(webhooks: WebhookSecrets): Record<string, unknown> {
  return {
    mlflow: webhooks.mlflow.map(() => hidden),
    registrations: webhooks.registrations.map(() => hidden),
  }
}

function describeTracking(tracking: Tracking): Record<string, unknown> {
  return { ...tracking, authorization: tracking.authorization === null ? null : hidden }
}

/** A connection URL without its password and without its query, which may hold one. */
function describeUrl(text: string | null): string | null {
  if (text === null) return null
  const url = new URL(text)
  if (url.password !== '') url.password = '***'
  url.search = ''
  return url.href
}

function hideSecrets(config: Config): Config {
  if (config.slack !== null) showAs(config.slack, describeSlack(config.slack))
  if (config.tracking !== null) showAs(config.tracking, describeTracking(config.tracking))
  showAs(config.webhooks, describeWebhooks(config.webhooks))
  return showAs(config, describeConfig(config))
}

/** Makes an object print, and become JSON, as another one. */
function showAs<T extends object>(value: T, shown: unknown): T {
  const show = { value: () => shown }
  return Object.defineProperties(value, { toJSON: show, [inspect.custom]: show })
}
