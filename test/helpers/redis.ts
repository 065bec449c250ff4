import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { GenericContainer, Wait } from 'testcontainers'
import { inject } from 'vitest'
import { freePort } from '../../src/free-port.ts'

/** A Redis for one test file. `stop` and `start` keep what was in it; null where the server is not ours. */
export type TestRedis = {
  url: string
  how: 'TEST_REDIS_URL' | 'Testcontainers' | 'redis-server'
  flushAll(): Promise<void>
  outage: { stop(): Promise<void>; start(): Promise<void> } | null
  close(): Promise<void>
}

/**
 * Opens a Redis: `TEST_REDIS_URL`, else a container where Docker answers and has the image, else a `redis-server`
 * of our own. REQUIRE=docker makes it a container or a failure.
 */
export async function openTestRedis(): Promise<TestRedis> {
  const given = process.env.TEST_REDIS_URL
  if (given !== undefined) return { ...client(given), url: given, how: 'TEST_REDIS_URL', outage: null }
  const available = inject('available')
  if (available.docker !== null) return asProcess()
  const mayFallBack =
    available['redis-server'] === null && !process.env.REQUIRE?.split(',').includes('docker')
  return mayFallBack ? inContainer().catch(asProcess) : inContainer()
}

async function inContainer(): Promise<TestRedis> {
  const container = await new GenericContainer('redis:7-alpine')
    .withExposedPorts(6379)
    .withCommand(['redis-server', '--save', '', '--bind', '0.0.0.0', '--protected-mode', 'no'])
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
  const url = `redis://${container.getHost()}:${container.getMappedPort(6379)}`
  const open = client(url)
  const close = async () => {
    await open.close()
    await container.stop()
  }
  return { ...open, url, how: 'Testcontainers', outage: null, close }
}

async function asProcess(): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'greenroom-redis-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const start = () => startServer(dir, port)
  let server = await start()
  const open = client(url)
  const stop = () => server.stop()
  return {
    ...open,
    url,
    how: 'redis-server',
    outage: {
      stop,
      start: async () => {
        server = await start()
      },
    },
    close: async () => {
      await open.close()
      await stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function startServer(dir: string, port: number): Promise<{ stop(): Promise<void> }> {
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--save', '']
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('Ready to accept connections')) resolve()
    })
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code} before it was ready`)))
  })
  return {
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function client(url: string) {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 3 })
  redis.on('error', () => {})
  return {
    flushAll: async () => void (await redis.flushall()),
    close: async () => redis.disconnect(),
  }
}
