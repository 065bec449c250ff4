import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { backends } from '../helpers/backends.ts'
import { withEarlyAnswer } from '../helpers/broken-builds.ts'
import { approveAll, watchProduction } from '../helpers/people.ts'
import { openScene, people, type Scene } from '../helpers/scene.ts'

const recoverMs = 20_000
const timeout = 150_000

for (const backend of backends()) {
  describe.skipIf(backend.missing !== null)(
    `kill -9 of the server, with queues on ${backend.name}`,
    { concurrent: true },
    () => {
      it('between commit and dispatch loses nothing (L5)', { timeout }, async (context) => {
        const scene = await openScene(context, { backend: backend.name })
        const server = await scene.serve()
        await registerAtOnce(scene, 20)
        const commands = await scene.db.selectFrom('command').select(['status', 'attempt']).execute()
        expect(commands).toEqual(commands.map(() => ({ status: 'pending', attempt: 0 })))
        await server.kill()
        await Promise.all([scene.serve(), scene.work()])
        await scene.settle(recoverMs)
        expect(await scene.violations()).toEqual([])
      })
    },
  )
}

describe('kill -9 of the server', () => {
  it('at 20 random moments under registrations and approvals makes one version of each delivery (L4, V1, V7)', {
    timeout,
  }, async (context) => {
    const scene = await openScene(context)
    await scene.work()
    // Every fourth is one more version of a model that is promoted again and again.
    const wish = (index: number) => (index % 4 === 0 ? { model: `shop-${index % 3}` } : {})
    const stream = scene.registrar.stream(80, wish)
    const watch = watchProduction(scene.db)
    const approver = approveAll(scene, 'shop-', people[0])
    for (let kill = 0; kill < 20; kill++) {
      const server = await scene.serve()
      await sleep(Math.random() * 500)
      await server.kill()
    }
    await scene.serve()
    await stream.stop()
    await scene.settle(recoverMs)
    await approver.stop()
    await scene.settle(recoverMs)
    expect(await watch.stop()).toEqual([])
    expect(await scene.violations()).toEqual([])
    const promotions = await scene.db
      .selectFrom('event')
      .select('seq')
      .where('type', '=', 'approved')
      .execute()
    expect(promotions.length).toBeGreaterThan(2)
  })

  it('loses registrations on a build that answers before it commits', { timeout }, async (context) => {
    const scene = await openScene(context)
    const server = await scene.serve(withEarlyAnswer)
    await registerAtOnce(scene, 5)
    await server.kill()
    expect(await scene.violations()).toContainEqual(expect.stringMatching(/^L1: .* with 2xx and is lost$/))
  })
})

async function registerAtOnce({ registrar }: Scene, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => registrar.deliver(registrar.write())))
}
