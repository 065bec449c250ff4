import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registrationBody, registrationDelivery } from '../deliveries.ts'
import { openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
})
afterAll(() => registry.close())

const deliver = async (id: string, name: string) => {
  const { statusCode, ...answer } = await registry.app.inject(
    registrationDelivery(registrationBody({ name }), { id }),
  )
  return { status: statusCode, body: answer.json() }
}
const call = (name: string) =>
  registry.request(
    'POST',
    `/api/v1/models/${name}/versions`,
    { source: 's3://b/p' },
    { ...registry.as('registrar'), 'content-type': 'application/json', 'idempotency-key': `once-${name}` },
  )

describe('what was registered from outside', () => {
  test('is known under its new name when it is delivered again (V7)', async () => {
    await deliver('renamed', 'before')
    await registry.post('registered-models/rename', { name: 'before', new_name: 'after' })
    expect(await deliver('renamed', 'before')).toMatchObject({
      status: 200,
      body: { name: 'after', version: 1 },
    })
    expect((await registry.get('registered-models/get', { name: 'before' })).status).toBe(404)
  })

  test('and was deleted changes nothing when it is delivered again (V7)', async () => {
    await deliver('version', 'gone')
    await deliver('model', 'gone too')
    await registry.remove('model-versions/delete', { name: 'gone', version: '1' })
    await registry.remove('registered-models/delete', { name: 'gone too' })
    expect(await deliver('version', 'gone')).toEqual({ status: 200, body: { ignored: true } })
    expect(await deliver('model', 'gone too')).toEqual({ status: 200, body: { ignored: true } })
    expect((await registry.get('registered-models/get', { name: 'gone too' })).status).toBe(404)
  })

  test('and was deleted is missing to a caller who asks again under its key (V10)', async () => {
    expect((await call('called')).status).toBe(201)
    await registry.remove('model-versions/delete', { name: 'called', version: '1' })
    expect(await call('called')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
  })
})
