// The environment variables, each with its grammar, its default and its meaning. `loadConfig` and the README's
// table both come from here.
import { createSecretKey, type KeyObject } from 'node:crypto'
import { isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { parseDuration } from './duration.ts'
import { schemes } from './webhooks/guard.ts'

function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,9}$/, error)
    .transform(Number)
    .refine((number) => number >= min && number <= max, error)
}

function oneOf<const T extends readonly string[]>(words: T) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` })
}

function url(protocols: string[], example: string) {
  const error = `must be a URL such as ${example}`
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), error)
}

const httpUrl = (example: string) =>
  url(['http:', 'https:'], example)
    .refine((text) => !/[@?#]/.test(text), 'must be a URL without a user, a query and a fragment')
    .transform((text) => text.replace(/\/+$/, ''))

const timeout = z.string().transform((text, context) => {
  const ms = parseDuration(text)
  if (ms !== null && ms >= 100 && ms <= 3_600_000) return ms
  context.issues.push({
    code: 'custom',
    message: 'must be a duration from 100ms to 1h, such as 10s',
    input: text,
  })
  return z.NEVER
})

const rawSecrets = z
  .string()
  .transform((text) => text.split(',').map((secret) => secret.trim()))
  .refine((secrets) => secrets.every((secret) => secret !== ''), 'has an empty entry; remove the extra comma')

const signingSecrets = z.string().transform((text, context): Buffer[] => {
  const encoded = text.split(/[\s,]+/).map((entry) => /^whsec_([A-Za-z0-9+/]+)={0,2}$/.exec(entry)?.[1] ?? '')
  const decoded = encoded.map((key) => Buffer.from(key, 'base64'))
  // Buffer.from reads on past what is not base64, so what it read is held against what was written.
  const isExact = decoded.every((key, index) => key.toString('base64').replace(/=+$/, '') === encoded[index])
  if (isExact && decoded.every((key) => key.length >= 24)) return decoded
  const message =
    'must hold entries of whsec_ and the base64 of at least 24 random bytes: echo "whsec_$(openssl rand -base64 32)"'
  context.issues.push({ code: 'custom', message, input: null })
  return z.NEVER
})

const encryptionKeys = z.string().transform((text, context): KeyObject[] => {
  const keys = text.split(/[\s,]+/).map(decodeKey)
  const good = keys.filter((key) => key !== null)
  if (good.length === keys.length) return good.map((key) => createSecretKey(key))
  const message =
    'must hold keys of 32 bytes in hex or base64, with commas between them: openssl rand -hex 32'
  context.issues.push({ code: 'custom', message, input: null })
  return z.NEVER
})

function decodeKey(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  return /^[A-Za-z0-9+/]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : null
}

const outboundSchemes = z
  .string()
  .transform((text) => [...new Set(text.split(',').map((scheme) => scheme.trim()))])
  .pipe(z.array(z.enum(schemes, { error: 'must hold https or http, or both with a comma between them' })))

const folders = z
  .string()
  .transform((text) => text.split(':'))
  .refine((paths) => paths.every((path) => isAbsolute(path)), 'must be absolute paths with ":" between them')
  .transform((paths) => paths.map((path) => resolve(path)))

const addresses = z
  .string()
  .transform((text) => text.split(/[\s,]+/))
  .refine(
    (places) => places.every((place) => /^(https?|s3):\/\/[^\s@?#/]+(\/[^\s@?#]*)?$/.test(place)),
    'must be addresses such as https://models.example.com/ or s3://bucket/folder/, with spaces between them',
  )

const adminToken = z
  .string()
  .regex(
    /^[A-Za-z0-9._~+/-]{32,200}=*$/,
    'must be at least 32 letters, digits or ._~+/- that nobody can guess: openssl rand -hex 32',
  )

/** All variables, in the order of the README's table. Values come in trimmed and not empty. */
export const variables = z.object({
  HOST: z
    .string()
    .regex(/^[\w.:%-]+$/, 'must be a host name or an IP address')
    .prefault('127.0.0.1')
    .meta({ description: 'Address to listen on.' }),
  PORT: wholeNumber(0, 65_535)
    .prefault('4100')
    .meta({ description: 'Port to listen on; `0` takes a free one.' }),
  GREENROOM_URL: httpUrl('https://greenroom.example.com').optional().meta({
    default: 'http://HOST:PORT',
    description: 'Where people and the command line reach the server.',
  }),
  GREENROOM_HOME: z
    .string()
    .prefault('.greenroom')
    .meta({ description: 'Folder for the embedded database and other local files.' }),
  GREENROOM_POLICY: z.string().optional().meta({
    default: 'greenroom.yaml, if it exists',
    description: 'The policy file. Without one, built-in rules hold.',
  }),
  DATABASE_URL: url(['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/greenroom')
    .optional()
    .meta({
      description:
        'PostgreSQL to use; a process holds at most 21 connections, and about 65 where it has the queues too. Unset, an embedded one runs under `GREENROOM_HOME`.',
    }),
  REDIS_URL: url(['redis:', 'rediss:'], 'redis://host:6379')
    .optional()
    .meta({ description: 'Redis for the queues. Unset, they run on PostgreSQL.' }),
  GREENROOM_AUTH: oneOf(['tokens', 'off']).prefault('tokens').meta({
    description: '`tokens`: every call needs one. `off`: none does; only when `HOST` is a loopback address.',
  }),
  GREENROOM_ADMIN_TOKEN: adminToken.optional().meta({
    description: 'A token with every right, to make the first tokens with. A new one revokes the one before.',
  }),
  GREENROOM_TOKEN: z.string().optional().meta({
    description: 'Token with which the command line calls the server; the server does not read it.',
  }),
  GREENROOM_USER: z.string().optional().meta({
    default: 'the user name',
    description:
      'Who the command line is, at a server where `GREENROOM_AUTH` is `off`; the server does not read it.',
  }),
  GREENROOM_PYTHON: z.string().optional().meta({
    default: 'python3',
    description:
      'Python with MLflow, with which the command line and programs run models that are not ONNX; the server does not read it.',
  }),
  SLACK_BOT_TOKEN: z
    .string()
    .optional()
    .meta({ description: 'Bot token of the Slack app that asks for approval.' }),
  SLACK_SIGNING_SECRET: z.string().optional().meta({ description: 'Signing secret of that app.' }),
  SLACK_CHANNEL: z
    .string()
    .regex(
      /^[CDG][A-Z0-9]{2,}$/,
      "must be the channel's id, such as C0123ABCDEF, not its name; in Slack it stands at the end of the channel's details",
    )
    .optional()
    .meta({ description: 'Channel in which it asks, by id.' }),
  SLACK_API_URL: httpUrl('https://slack.com/api')
    .optional()
    .meta({ default: "Slack's own", description: 'Where the Slack Web API is.' }),
  MLFLOW_WEBHOOK_SECRET: rawSecrets.optional().meta({
    description: 'Secrets of `POST /webhooks/mlflow`, with commas between them. Unset, the route is off.',
  }),
  REGISTRATION_WEBHOOK_SECRET: signingSecrets.optional().meta({
    description:
      'Secrets of `POST /webhooks/registrations`: `whsec_…`, with commas between them. Unset, the route is off.',
  }),
  WEBHOOK_ALLOWED_SCHEMES: outboundSchemes.prefault('https').meta({
    description: 'What the URLs of outbound webhooks may begin with: `https`, or `https,http`.',
  }),
  WEBHOOK_ALLOW_PRIVATE_ADDRESSES: oneOf(['false', 'true']).prefault('false').meta({
    description:
      '`true` lets outbound webhooks reach private addresses and any port: for development, or where whoever may make webhooks may reach all of the network anyway.',
  }),
  GREENROOM_ENCRYPTION_KEY: encryptionKeys.optional().meta({
    description:
      'Keys for the secrets of outbound webhooks, with commas between them: all decrypt, the first encrypts, and a server that starts encrypts anew what another one did. Unset, webhooks cannot have a secret. Make one with `openssl rand -hex 32`.',
  }),
  GREENROOM_ARTIFACT_ROOTS: folders.optional().meta({
    default: 'the working directory',
    description: 'Folders from which local model files may be read: absolute, with `:` between them.',
  }),
  GREENROOM_ARTIFACT_URLS: addresses.optional().meta({
    description:
      'Addresses below which remote model files may be read: `https://host/path/`, `s3://bucket/`, with spaces between them.',
  }),
  MLFLOW_TRACKING_URI: httpUrl('https://mlflow.example.com').optional().meta({
    description:
      'MLflow tracking server that is asked where `models:/m-…` and `runs:/…` sources are, which run made a version and from what data, and for `mlflow-artifacts:`.',
  }),
  MLFLOW_TRACKING_TOKEN: z.string().optional().meta({ description: 'Token for that server.' }),
  MLFLOW_TRACKING_USERNAME: z.string().optional().meta({
    description: 'User at that server, in place of a token.',
  }),
  MLFLOW_TRACKING_PASSWORD: z.string().optional().meta({ description: 'Password of that user.' }),
  GREENROOM_CHECK_CONCURRENCY: wholeNumber(1, 256)
    .prefault('4')
    .meta({ description: 'Checks that run at once.' }),
  GREENROOM_NOTIFICATION_CONCURRENCY: wholeNumber(1, 256)
    .prefault('4')
    .meta({ description: 'Notifications that are sent at once.' }),
  GREENROOM_DELIVERY_CONCURRENCY: wholeNumber(1, 256)
    .prefault('8')
    .meta({ description: 'Outbound webhooks that are delivered at once.' }),
  GREENROOM_SANDBOXES: wholeNumber(1, 64)
    .prefault('2')
    .meta({ description: 'Child processes kept warm for checks that load a model.' }),
  GREENROOM_SHUTDOWN_TIMEOUT: timeout
    .prefault('10s')
    .meta({ description: 'How long a stop waits for active jobs before it gives their leases back.' }),
  LOG_LEVEL: oneOf(['debug', 'info', 'warn', 'error', 'silent'])
    .prefault('info')
    .meta({ description: '`debug`, `info`, `warn`, `error` or `silent`.' }),
})

/** One row of the README's configuration table; `default` is empty where there is none. */
export type VariableRow = { name: string; default: string; meaning: string }

/** The rows of the README's configuration table. *Pure.* */
export function configTable(): VariableRow[] {
  const { properties = {} } = z.toJSONSchema(variables, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => {
    const { default: byDefault = '', description = '' } = property as {
      default?: string
      description?: string
    }
    return { name, default: byDefault, meaning: description }
  })
}
