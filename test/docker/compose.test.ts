import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { type Config, loadConfig } from '../../src/config.ts'
import { parseDuration } from '../../src/duration.ts'
import { configTable } from '../../src/variables.ts'
import { imageEnvironment } from './image.ts'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

const mount = z.union([z.string(), z.object({ target: z.string(), read_only: z.literal(true) })])
const service = z.object({
  image: z.string(),
  restart: z.string().optional(),
  command: z.array(z.string()).optional(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  stop_grace_period: z.string().optional(),
  environment: z.record(z.string(), z.string()),
  ports: z.array(z.string()).optional(),
  volumes: z.array(mount),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  healthcheck: z.object({ test: z.array(z.string()) }),
})
type Service = z.infer<typeof service>

const text = read('docker-compose.yml')
const { services, volumes } = z
  .object({
    services: z.object({ app: service, worker: service, postgres: service, redis: service }),
    volumes: z.record(z.string(), z.unknown()),
  })
  .parse(parse(text, { merge: true }))
const ours = { app: services.app, worker: services.worker }

/** What stands in `${…}`, with its default, or null for one that must be given. */
const reference = /(?<!\$)\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g
const references = [...text.matchAll(reference)].map(([, name = '', operator, rest = '']) => {
  return { name, needed: operator === '?', byDefault: operator === '-' ? rest : null }
})

/** The variables of .env.example: name to value, the commented-out ones with a leading `#`. */
const documented = [...read('.env.example').matchAll(/^(#?)([A-Z_]+)=(.*)$/gm)].map(
  ([, mark, name = '', value = '']) => ({ name, value, optional: mark === '#' }),
)

const secrets = {
  POSTGRES_PASSWORD: 'a1'.repeat(32),
  REDIS_PASSWORD: 'b2'.repeat(32),
  GREENROOM_ADMIN_TOKEN: 'c3'.repeat(32),
}

/** A service's environment as Compose makes it from `given`, upon what the image sets. */
function environmentOf({ environment }: Service, given: Record<string, string>): Record<string, string> {
  const fill = (value: string) =>
    value.replace(reference, (_, name: string, operator: string | undefined, rest: string) => {
      return given[name] || (operator === '-' ? rest : '')
    })
  const own = Object.entries(environment).map(([name, value]) => [name, fill(value)])
  return { ...imageEnvironment(), ...Object.fromEntries(own) }
}

const configOf = (one: Service, given: Record<string, string>): Config =>
  loadConfig(environmentOf(one, given), '/app', () => true)

describe('secrets', () => {
  test('none stands in the file, not even as a default', () => {
    const secret = /PASSWORD|TOKEN|SECRET|REDISCLI_AUTH/
    const values = Object.values(services).flatMap(({ environment }) => Object.entries(environment))
    const given = values.filter(([name]) => secret.test(name))
    expect(given.length).toBeGreaterThan(5)
    for (const [name, value] of given) expect(value, name).toMatch(/^\$\{[A-Z_]+(:-|:\?[^}]*)?\}$/)
    for (const { name, byDefault } of references)
      if (secret.test(name)) expect(byDefault || '', name).toBe('')
    expect(text.match(/:\/\/[^/\s@]*:(?!\$\{)[^/\s@]*@/g) ?? []).toEqual([])
  })

  test('nothing starts without the passwords and the first token', () => {
    const needed = references.filter((one) => one.needed).map(({ name }) => name)
    expect(new Set(needed)).toEqual(new Set(Object.keys(secrets)))
  })

  test('the worker, which loads foreign models, is given none that only the server needs', () => {
    expect(Object.keys(services.worker.environment)).not.toContain('GREENROOM_ADMIN_TOKEN')
    expect(Object.keys(services.worker.environment)).not.toContain('REGISTRATION_WEBHOOK_SECRET')
  })
})

describe('configuration', () => {
  test('every variable of the file is explained in .env.example, with its default, and no other', () => {
    const names = new Set(references.map(({ name }) => name))
    expect(new Set(documented.map(({ name }) => name))).toEqual(names)
    for (const { name, value, optional } of documented) {
      expect(optional, name).toBe(!(name in secrets))
      const inFile = references.find((one) => one.name === name && one.byDefault)?.byDefault
      if (inFile !== undefined) expect(value, name).toBe(inFile)
    }
  })

  test.each(Object.entries(ours))('what the %s is given, it accepts', (_, one) => {
    const config = configOf(one, secrets)
    expect(config.databaseUrl).toContain(secrets.POSTGRES_PASSWORD)
    expect(config.redisUrl).toContain(secrets.REDIS_PASSWORD)
    expect(config.auth).toBe('tokens')
    expect(config.artifactRoots).toEqual(['/models'])
  })

  test('every variable of Greenroom can be set, or is fixed by what a container is', () => {
    const fixed = ['HOST', 'PORT', 'GREENROOM_HOME', 'GREENROOM_AUTH', 'GREENROOM_ARTIFACT_ROOTS']
    // The stop's length belongs with `stop_grace_period`; the others are for the command line.
    fixed.push('GREENROOM_SHUTDOWN_TIMEOUT', 'GREENROOM_TOKEN', 'GREENROOM_USER', 'GREENROOM_PYTHON')
    const handed = Object.values(ours).flatMap(({ environment }) => Object.keys(environment))
    const missing = configTable().filter(({ name }) => !handed.includes(name) && !fixed.includes(name))
    expect(missing).toEqual([])
  })

  test('a variable named after Greenroom is one of Greenroom, so that a shell may export what .env holds', () => {
    const known = configTable().map(({ name }) => name)
    const named = references.map(({ name }) => name).filter((name) => name.startsWith('GREENROOM_'))
    expect(named.filter((name) => !known.includes(name))).toEqual([])
  })
})

describe('services', () => {
  test.each(Object.entries(services))('%s has a health check and comes back after a crash', (_, one) => {
    expect(one.healthcheck.test[0]).toBe('CMD')
    expect(one.restart).toBe('unless-stopped')
  })

  test.each(Object.entries(ours))(
    'the %s waits for PostgreSQL and Redis, and may do little',
    (_, { depends_on, read_only, cap_drop, security_opt, volumes: mounted }) => {
      expect(depends_on).toEqual({
        postgres: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      })
      expect({ read_only, cap_drop }).toEqual({ read_only: true, cap_drop: ['ALL'] })
      expect(security_opt).toContain('no-new-privileges:true')
      expect(mounted.filter((one) => typeof one === 'string' && !one.endsWith(':ro'))).toEqual([])
    },
  )

  test.each(Object.entries(ours))('the %s is given the time that its stop may take', (_, one) => {
    const bound = configOf(one, secrets).workers.shutdownMs + 40_000
    expect(parseDuration(one.stop_grace_period ?? '10s')).toBeGreaterThanOrEqual(bound)
  })

  test('only the server can be reached from outside, and only from this machine unless asked for', () => {
    const open = Object.entries(services).filter(([, { ports = [] }]) => ports.length > 0)
    expect(open.map(([name]) => name)).toEqual(['app'])
    const fill = (port: string) => port.replace(reference, (_, __, ___, byDefault: string) => byDefault)
    expect(services.app.ports?.map(fill)).toEqual(['127.0.0.1:4100:4100'])
  })

  test('a full Redis refuses new jobs, and it does not run as root', () => {
    expect(services.redis.command?.join(' ')).toContain('--maxmemory-policy noeviction')
    expect(services.redis.user).toBe('redis')
  })

  test('what PostgreSQL and Redis hold outlives their containers', () => {
    expect(services.postgres.volumes).toEqual(['postgres:/var/lib/postgresql'])
    expect(services.redis.volumes).toEqual(['redis:/data'])
    expect(Object.keys(volumes)).toEqual(['postgres', 'redis'])
  })

  test("the worker's health check asks about the connections that the program opens under that name", () => {
    const [, asked] = /application_name = '([^']+)'/.exec(services.worker.healthcheck.test.at(-1) ?? '') ?? []
    expect(read('src/main.ts')).toContain(`name: '${asked}'`)
  })
})
