import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, expect, inject, test } from 'vitest'
import { openTestRedis } from '../helpers/redis.ts'
import { makePlace, scorePolicy, startCli } from './greenroom.ts'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

test.skipIf(inject('available').redis !== null)(
  'an outage of Redis is told in few lines that name it, and holds up no stop',
  async (context) => {
    const redis = await openTestRedis()
    closers.push(() => redis.close())
    if (redis.outage === null) return context.skip('this Redis is not ours to stop')
    const place = await makePlace(scorePolicy)
    closers.push(() => place.close())
    const env = { ...place.env, REDIS_URL: redis.url }
    const running = startCli(['serve', '--with-workers'], { cwd: place.cwd, env })
    closers.push(async () => running.child.kill('SIGKILL'))
    await running.wrote(/Greenroom listens at/)
    await sleep(1_000)
    const before = running.output().length
    await redis.outage.stop()
    await sleep(5_000)
    await redis.outage.start()
    await running.wrote(/Redis can be used again/)
    const lines = running.output().slice(before).trim().split('\n')
    expect(lines.filter((line) => line.includes('Redis (REDIS_URL) cannot be used'))).toHaveLength(1)
    expect(lines.length).toBeLessThan(10)
    await redis.outage.stop()
    await sleep(1_000)
    const told = performance.now()
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
    expect(performance.now() - told).toBeLessThan(9_000) // one that waits for Redis takes 10 s and more
  },
)

test.skipIf(inject('available').redis !== null)(
  'a Redis that may drop jobs is told of in the log, once',
  async (context) => {
    const redis = await openTestRedis()
    closers.push(() => redis.close())
    if (redis.how !== 'redis-server') return context.skip('this Redis is not ours to set up')
    const port = new URL(redis.url).port
    await promisify(execFile)('redis-cli', ['-p', port, 'config', 'set', 'maxmemory-policy', 'allkeys-lru'])
    const place = await makePlace(scorePolicy)
    closers.push(() => place.close())
    const env = { ...place.env, REDIS_URL: redis.url }
    const running = startCli(['work'], { cwd: place.cwd, env })
    closers.push(async () => running.child.kill('SIGKILL'))
    await running.wrote(/Eviction policy is allkeys-lru/)
    await sleep(500)
    running.child.kill('SIGTERM')
    const { stdout, stderr } = await running.ended
    expect(stderr).toBe('')
    expect(stdout.match(/Eviction policy/g)).toHaveLength(1)
    for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level')
  },
)
