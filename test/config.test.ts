import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { configTable, describeConfig, type Environment, loadConfig } from '../src/config.ts'
import { OperatorError } from '../src/errors.ts'

const nothingThere = (_path: string) => false
const load = (env: Environment, exists = nothingThere) => loadConfig(env, '/srv/app', exists)
const slack = {
  SLACK_BOT_TOKEN: 'xoxb-canary',
  SLACK_SIGNING_SECRET: 'sign-canary',
  SLACK_CHANNEL: 'C0MODELS',
}
const key = Buffer.alloc(24, 7).toString('base64')

function faultsOf(env: Environment): string[] {
  try {
    load(env)
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError)
    return (error as OperatorError).message.split('\n')
  }
  throw new Error('the configuration was accepted')
}

test('an empty environment gives the defaults', () => {
  expect(load({})).toEqual({
    host: '127.0.0.1',
    port: 4100,
    publicUrl: 'http://127.0.0.1:4100',
    home: '/srv/app/.greenroom',
    policyPath: null,
    databaseUrl: null,
    redisUrl: null,
    auth: 'tokens',
    slack: null,
    webhooks: { mlflow: [], registrations: [] },
    outbound: { schemes: ['https'], allowPrivateAddresses: false },
    encryptionKeys: [],
    logLevel: 'info',
    artifactRoots: ['/srv/app'],
    artifactUrls: [],
    tracking: null,
    workers: { checks: 4, notifications: 4, deliveries: 8, sandboxes: 2, shutdownMs: 10_000 },
    adminToken: null,
  })
})

test('every variable ends up in its place, with its units converted', () => {
  const config = load(
    {
      ...slack,
      HOST: '0.0.0.0',
      PORT: '80',
      GREENROOM_URL: 'https://models.example.com/greenroom/',
      GREENROOM_HOME: '/var/lib/greenroom',
      GREENROOM_POLICY: 'policies/prod.yaml',
      DATABASE_URL: 'postgres://u:p@db:5432/greenroom',
      REDIS_URL: 'rediss://cache:6379/1',
      GREENROOM_AUTH: 'tokens',
      GREENROOM_ADMIN_TOKEN: 'a'.repeat(32),
      SLACK_API_URL: 'http://127.0.0.1:9999/api/',
      MLFLOW_WEBHOOK_SECRET: 'new secret, old secret',
      REGISTRATION_WEBHOOK_SECRET: `whsec_${key}, whsec_${key} whsec_${key}`,
      GREENROOM_ARTIFACT_ROOTS: '/models:/mnt/share/',
      GREENROOM_ARTIFACT_URLS: 's3://models/prod, https://models.example.com',
      MLFLOW_TRACKING_URI: 'https://mlflow.example.com/base/',
      MLFLOW_TRACKING_TOKEN: 'track-canary',
      GREENROOM_CHECK_CONCURRENCY: '8',
      GREENROOM_NOTIFICATION_CONCURRENCY: '2',
      GREENROOM_DELIVERY_CONCURRENCY: '6',
      WEBHOOK_ALLOWED_SCHEMES: 'https, http',
      WEBHOOK_ALLOW_PRIVATE_ADDRESSES: 'true',
      GREENROOM_ENCRYPTION_KEY: `${'0a'.repeat(32)}, ${Buffer.alloc(32, 11).toString('base64')}`,
      GREENROOM_SANDBOXES: '3',
      GREENROOM_SHUTDOWN_TIMEOUT: '1.5s',
      LOG_LEVEL: 'silent',
      PATH: '/bin',
    },
    (path) => path === '/srv/app/policies/prod.yaml',
  )
  const encryptionKeys = config.encryptionKeys.map((key) => key.export())
  expect({ ...config, encryptionKeys }).toEqual({
    host: '0.0.0.0',
    port: 80,
    publicUrl: 'https://models.example.com/greenroom',
    home: '/var/lib/greenroom',
    policyPath: '/srv/app/policies/prod.yaml',
    databaseUrl: 'postgres://u:p@db:5432/greenroom',
    redisUrl: 'rediss://cache:6379/1',
    auth: 'tokens',
    slack: {
      botToken: 'xoxb-canary',
      signingSecret: 'sign-canary',
      channel: 'C0MODELS',
      apiUrl: 'http://127.0.0.1:9999/api',
    },
    webhooks: {
      mlflow: ['new secret', 'old secret'],
      registrations: [Buffer.alloc(24, 7), Buffer.alloc(24, 7), Buffer.alloc(24, 7)],
    },
    outbound: { schemes: ['https', 'http'], allowPrivateAddresses: true },
    encryptionKeys: [Buffer.alloc(32, 10), Buffer.alloc(32, 11)],
    logLevel: 'silent',
    artifactRoots: ['/models', '/mnt/share'],
    artifactUrls: ['s3://models/prod', 'https://models.example.com'],
    tracking: { url: 'https://mlflow.example.com/base', authorization: 'Bearer track-canary' },
    workers: { checks: 8, notifications: 2, deliveries: 6, sandboxes: 3, shutdownMs: 1500 },
    adminToken: 'a'.repeat(32),
  })
})

test('the default policy file is used only where it exists', () => {
  expect(load({}, (path) => path === '/srv/app/greenroom.yaml').policyPath).toBe('/srv/app/greenroom.yaml')
  expect(load({}).policyPath).toBeNull()
})

test('an empty variable counts as unset', () => {
  const names = configTable().map((row) => [row.name, '  '])
  expect(load(Object.fromEntries(names))).toEqual(load({}))
})

test.each([
  ['127.0.0.1', 'http://127.0.0.1:4100'],
  ['0.0.0.0', 'http://localhost:4100'],
  ['::', 'http://localhost:4100'],
  ['::1', 'http://[::1]:4100'],
  ['box.example.com', 'http://box.example.com:4100'],
])('a server on %s is reached at %s', (HOST, url) => {
  expect(load({ HOST }).publicUrl).toBe(url)
})

test.each(['127.0.0.1', '127.8.9.10', 'localhost', '::1'])(
  'calls without a token are possible on %s',
  (HOST) => {
    expect(load({ HOST, GREENROOM_AUTH: 'off' }).auth).toBe('off')
  },
)

test.each(['0.0.0.0', '::', '10.0.0.7', '127.example.com', 'localhost.example.com', '::ffff:7f00:1'])(
  'calls without a token are refused on %s',
  (HOST) => {
    expect(faultsOf({ HOST, GREENROOM_AUTH: 'off' })).toEqual([
      'GREENROOM_AUTH=off needs a loopback address; set HOST to 127.0.0.1, or GREENROOM_AUTH to tokens',
    ])
  },
)

const aUrl = 'must be a URL such as'
const signingFault =
  'REGISTRATION_WEBHOOK_SECRET must hold entries of whsec_ and the base64 of at least 24 random bytes: echo "whsec_$(openssl rand -base64 32)"'
const encryptionFault =
  'GREENROOM_ENCRYPTION_KEY must hold keys of 32 bytes in hex or base64, with commas between them: openssl rand -hex 32'
const artifactFault =
  'GREENROOM_ARTIFACT_URLS must be addresses such as https://models.example.com/ or s3://bucket/folder/, with spaces between them'
const adminFault =
  'GREENROOM_ADMIN_TOKEN must be at least 32 letters, digits or ._~+/- that nobody can guess: openssl rand -hex 32'

test.each<[Environment, string]>([
  [{ HOST: 'http://x/' }, 'HOST must be a host name or an IP address'],
  [{ PORT: 'http' }, 'PORT must be a whole number from 0 to 65535'],
  [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535'],
  [{ PORT: '-1' }, 'PORT must be a whole number from 0 to 65535'],
  [{ PORT: '80.5' }, 'PORT must be a whole number from 0 to 65535'],
  [{ GREENROOM_URL: 'example.com' }, `GREENROOM_URL ${aUrl} https://greenroom.example.com`],
  [{ GREENROOM_URL: 'ftp://example.com' }, `GREENROOM_URL ${aUrl} https://greenroom.example.com`],
  [
    { GREENROOM_URL: 'https://u:p@example.com' },
    'GREENROOM_URL must be a URL without a user, a query and a fragment',
  ],
  [
    { GREENROOM_URL: 'https://example.com?a=1' },
    'GREENROOM_URL must be a URL without a user, a query and a fragment',
  ],
  [
    { GREENROOM_POLICY: 'gone.yaml' },
    'GREENROOM_POLICY names a file that does not exist; correct the path or remove the variable',
  ],
  [{ DATABASE_URL: 'mysql://u:p@db/x' }, `DATABASE_URL ${aUrl} postgres://user:password@host:5432/greenroom`],
  [{ REDIS_URL: 'cache:6379' }, `REDIS_URL ${aUrl} redis://host:6379`],
  [{ GREENROOM_AUTH: 'none' }, 'GREENROOM_AUTH must be one of tokens, off'],
  [{ GREENROOM_ADMIN_TOKEN: 'admin' }, adminFault],
  [{ GREENROOM_ADMIN_TOKEN: 'a'.repeat(31) }, adminFault],
  [{ GREENROOM_ADMIN_TOKEN: `${'a'.repeat(30)} b` }, adminFault],
  [
    { SLACK_BOT_TOKEN: 'xoxb-1' },
    'SLACK_SIGNING_SECRET and SLACK_CHANNEL must be set too, because SLACK_BOT_TOKEN is; or set none for no Slack',
  ],
  [
    { SLACK_API_URL: 'http://127.0.0.1:1/api' },
    'SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET and SLACK_CHANNEL must be set too, because SLACK_API_URL is; or set none for no Slack',
  ],
  [
    { ...slack, SLACK_CHANNEL: '#models' },
    "SLACK_CHANNEL must be the channel's id, such as C0123ABCDEF, not its name; in Slack it stands at the end of the channel's details",
  ],
  [{ ...slack, SLACK_API_URL: 'slack' }, `SLACK_API_URL ${aUrl} https://slack.com/api`],
  [{ MLFLOW_WEBHOOK_SECRET: 'a,,b' }, 'MLFLOW_WEBHOOK_SECRET has an empty entry; remove the extra comma'],
  [{ REGISTRATION_WEBHOOK_SECRET: 'plain' }, signingFault],
  [{ REGISTRATION_WEBHOOK_SECRET: `whsec_${key},` }, signingFault],
  [{ REGISTRATION_WEBHOOK_SECRET: `whsec_${key} ${key}` }, signingFault],
  [{ REGISTRATION_WEBHOOK_SECRET: `whsec_${Buffer.alloc(23).toString('base64')}` }, signingFault],
  [{ REGISTRATION_WEBHOOK_SECRET: `whsec_${key.slice(0, 20)}$$$${key}` }, signingFault],
  [{ REGISTRATION_WEBHOOK_SECRET: `whsec_${key}A` }, signingFault],
  [
    { WEBHOOK_ALLOWED_SCHEMES: 'https,ftp' },
    'WEBHOOK_ALLOWED_SCHEMES must hold https or http, or both with a comma between them',
  ],
  [{ WEBHOOK_ALLOW_PRIVATE_ADDRESSES: 'yes' }, 'WEBHOOK_ALLOW_PRIVATE_ADDRESSES must be one of false, true'],
  [{ GREENROOM_ENCRYPTION_KEY: 'a'.repeat(40) }, encryptionFault],
  [{ GREENROOM_ENCRYPTION_KEY: `${'a'.repeat(64)},` }, encryptionFault],
  [{ GREENROOM_ENCRYPTION_KEY: `${'a'.repeat(64)}, passphrase` }, encryptionFault],
  [
    { GREENROOM_ARTIFACT_ROOTS: '/models:share' },
    'GREENROOM_ARTIFACT_ROOTS must be absolute paths with ":" between them',
  ],
  [
    { GREENROOM_ARTIFACT_ROOTS: '/models:' },
    'GREENROOM_ARTIFACT_ROOTS must be absolute paths with ":" between them',
  ],
  [{ GREENROOM_ARTIFACT_URLS: 's3://' }, artifactFault],
  [{ GREENROOM_ARTIFACT_URLS: 'https://u:p@models.example.com/' }, artifactFault],
  [{ GREENROOM_ARTIFACT_URLS: 'https://models.example.com/?key=1' }, artifactFault],
  [{ GREENROOM_ARTIFACT_URLS: 's3://a/ file:///etc' }, artifactFault],
  [{ MLFLOW_TRACKING_URI: 'sqlite:///mlflow.db' }, `MLFLOW_TRACKING_URI ${aUrl} https://mlflow.example.com`],
  [{ GREENROOM_CHECK_CONCURRENCY: '0' }, 'GREENROOM_CHECK_CONCURRENCY must be a whole number from 1 to 256'],
  [{ GREENROOM_SANDBOXES: '65' }, 'GREENROOM_SANDBOXES must be a whole number from 1 to 64'],
  [
    { GREENROOM_SHUTDOWN_TIMEOUT: '10' },
    'GREENROOM_SHUTDOWN_TIMEOUT must be a duration from 100ms to 1h, such as 10s',
  ],
  [
    { GREENROOM_SHUTDOWN_TIMEOUT: '2h' },
    'GREENROOM_SHUTDOWN_TIMEOUT must be a duration from 100ms to 1h, such as 10s',
  ],
  [{ LOG_LEVEL: 'verbose' }, 'LOG_LEVEL must be one of debug, info, warn, error, silent'],
  [{ GREENROOM_HOM: '/x' }, 'GREENROOM_HOM is not a variable of Greenroom; did you mean GREENROOM_HOME?'],
  [{ GREENROOM_HOM: '' }, 'GREENROOM_HOM is not a variable of Greenroom; did you mean GREENROOM_HOME?'],
  [{ GREENROOM_COLOUR: 'red' }, 'GREENROOM_COLOUR is not a variable of Greenroom; remove it'],
])('refuses %o', (env, fault) => {
  expect(faultsOf(env)).toEqual([fault])
})

test('all faults are named at once, one per line, also those between two variables', () => {
  const faults = faultsOf({
    HOST: '0.0.0.0',
    PORT: 'x',
    GREENROOM_AUTH: 'off',
    LOG_LEVEL: 'x',
    SLACK_CHANNEL: 'C01',
    GREENROOM_POLICY: 'gone.yaml',
    GREENROOM_POLCY: 'x',
  })
  expect(faults.map((fault) => fault.split(/[ =]/)[0])).toEqual([
    'GREENROOM_POLCY',
    'PORT',
    'LOG_LEVEL',
    'GREENROOM_AUTH',
    'SLACK_BOT_TOKEN',
    'GREENROOM_POLICY',
  ])
})

describe('secrets', () => {
  const env = {
    ...slack,
    DATABASE_URL: 'postgres://user:db-canary@db/greenroom?password=query-canary',
    REDIS_URL: 'redis://:redis-canary@cache',
    GREENROOM_ADMIN_TOKEN: 'admin-canary-admin-canary-admin-canary',
    MLFLOW_WEBHOOK_SECRET: 'mlflow-canary',
    GREENROOM_ENCRYPTION_KEY: Buffer.from('encryption-canary-encryption-can').toString('base64'),
    REGISTRATION_WEBHOOK_SECRET: `whsec_${Buffer.from('registration-canary-registration').toString('base64')}`,
    MLFLOW_TRACKING_URI: 'https://mlflow.example.com',
    MLFLOW_TRACKING_TOKEN: 'track-canary',
  }
  const config = load(env)
  const { slack: slackConfig, webhooks, tracking } = config
  const parts = { config, slackConfig, webhooks, tracking }
  const canaries = [
    'canary',
    ...(env.REGISTRATION_WEBHOOK_SECRET.slice(6, 26).match(/.{8}/g) ?? []),
    ...(env.GREENROOM_ENCRYPTION_KEY.match(/.{8}/g) ?? []),
    '65 6e 63 72',
    '101,110,99',
    '72 65 67 69',
    '114,101,103',
  ]

  test.each<[string, (value: unknown) => string]>([
    ['as JSON', (value) => JSON.stringify(value)],
    ['as JSON inside something else', (value) => JSON.stringify({ deep: [value] })],
    ['inspected', (value) => inspect(value, { depth: 9, showHidden: false })],
    ['inspected inside something else', (value) => inspect({ deep: [value] }, { depth: 9 })],
    ['in an error', (value) => inspect(new Error('x', { cause: value }), { depth: 9 })],
  ])('do not show %s', (_, print) => {
    for (const value of Object.values(parts)) {
      const text = print(value)
      for (const canary of canaries) expect(text).not.toContain(canary)
      expect(text).toContain('[secret]')
    }
  })

  test('the description keeps what is no secret', () => {
    expect(describeConfig(config)).toMatchObject({
      port: 4100,
      databaseUrl: 'postgres://user:***@db/greenroom',
      redisUrl: 'redis://:***@cache',
      slack: { channel: 'C0MODELS', botToken: '[secret]' },
      webhooks: { mlflow: ['[secret]'], registrations: ['[secret]'] },
      encryptionKeys: ['[secret]'],
      tracking: { url: 'https://mlflow.example.com', authorization: '[secret]' },
      adminToken: '[secret]',
    })
    expect(describeConfig(load({}))).toEqual({ ...load({}) })
  })

  test('can still be read where they are needed', () => {
    expect(config.slack?.botToken).toBe('xoxb-canary')
    expect(config.databaseUrl).toContain('db-canary')
    expect(config.webhooks.registrations[0]?.toString()).toBe('registration-canary-registration')
  })

  test('do not show in faults', () => {
    const broken = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, ` ,canary ${value}\n`]),
    )
    const faults = faultsOf({ ...broken, PORT: 'x' }).join('\n')
    expect(faults).toContain('DATABASE_URL')
    expect(faults).not.toContain('canary')
  })
})

test('the table has every variable once, each with its meaning', () => {
  const rows = configTable()
  expect(rows).toContainEqual({
    name: 'PORT',
    default: '4100',
    meaning: 'Port to listen on; `0` takes a free one.',
  })
  expect(rows).toContainEqual({
    name: 'DATABASE_URL',
    default: '',
    meaning: expect.stringMatching(
      /^PostgreSQL to use; .* Unset, an embedded one runs under `GREENROOM_HOME`\.$/,
    ),
  })
  expect(rows.find((row) => row.name === 'GREENROOM_SHUTDOWN_TIMEOUT')?.default).toBe('10s')
  expect(rows.filter((row) => row.meaning === '' || row.meaning.includes('|'))).toEqual([])
  expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length)
})
