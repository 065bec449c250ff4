import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { error, openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
  await registry.make('m', 4)
})
afterAll(() => registry.close())

const path = 'registered-models/alias'
const nothing = { status: 200, body: {} }
const notFound = (alias: string) => ({
  status: 400,
  body: error('INVALID_PARAMETER_VALUE', `Registered model alias ${alias} not found.`),
})

describe('an alias', () => {
  test('names a version, then another, then none', async () => {
    const alias = 'champion'
    const where = async () => (await registry.get(path, { name: 'm', alias })).body.model_version
    expect(await registry.post(path, { name: 'm', alias, version: '1' })).toMatchObject(nothing)
    expect(await where()).toMatchObject({ name: 'm', version: '1', aliases: [alias], status: 'READY' })
    expect(await registry.post(path, { name: 'm', alias, version: '2' })).toMatchObject(nothing)
    expect(await where()).toMatchObject({ version: '2' })
    expect(await registry.remove(path, { name: 'm', alias })).toMatchObject(nothing)
    expect(await registry.remove(path, { name: 'm', alias })).toMatchObject(nothing)
    expect(await registry.get(path, { name: 'm', alias })).toMatchObject(notFound(alias))
  })

  test('stands in the history with who set it, and where it was before', async () => {
    for (const version of ['1', '3']) await registry.post(path, { name: 'm', alias: 'told', version })
    await registry.remove(path, { name: 'm', alias: 'told' })
    const { body } = await registry.get('/api/v1/models/m/history')
    expect(body.intact).toBe(true)
    expect(body.events.slice(-3)).toMatchObject([
      { type: 'aliasSet', version: 1, detail: { alias: 'told', before: null }, actor: 'admin-token' },
      { type: 'aliasSet', version: 3, detail: { alias: 'told', before: 1 } },
      { type: 'aliasRemoved', version: 3, detail: { alias: 'told' } },
    ])
  })

  test('is told apart by its case, and may be in any script', async () => {
    await registry.post(path, { name: 'm', alias: 'Größe_1-ж', version: '1' })
    expect((await registry.get(path, { name: 'm', alias: 'Größe_1-ж' })).status).toBe(200)
    expect(await registry.get(path, { name: 'm', alias: 'größe_1-ж' })).toMatchObject(notFound('größe_1-ж'))
  })

  test('several name one version, and are told in order', async () => {
    for (const alias of ['b', 'a']) await registry.post(path, { name: 'm', alias, version: '4' })
    const { body } = await registry.get('model-versions/get', { name: 'm', version: '4' })
    expect(body.model_version.aliases).toEqual(['a', 'b'])
  })

  test.each(['latest', 'Latest', 'LATEST'])(
    '"%s" is always the highest version, and is never set',
    async (alias) => {
      await registry.move('m', '1', 'Archived')
      const { body } = await registry.get(path, { name: 'm', alias })
      expect(body.model_version).toMatchObject({ version: '4', current_stage: 'None' })
      const { status, body: refusal } = await registry.post(path, { name: 'm', alias, version: '1' })
      expect([status, refusal.message]).toEqual([400, "'latest' alias name (case insensitive) is reserved."])
    },
  )

  test('"latest" of a model without versions is missing', async () => {
    await registry.make('empty')
    expect(await registry.get(path, { name: 'empty', alias: 'latest' })).toMatchObject({
      status: 404,
      body: error('RESOURCE_DOES_NOT_EXIST', 'Latest version not found for model empty.'),
    })
  })

  test('of a model that is not there is the model’s fault', async () => {
    const missing = {
      status: 404,
      body: error('RESOURCE_DOES_NOT_EXIST', 'Registered Model with name=zz not found'),
    }
    expect(await registry.get(path, { name: 'zz', alias: 'a' })).toMatchObject(missing)
    expect(await registry.get(path, { name: 'zz', alias: 'latest' })).toMatchObject(missing)
    expect(await registry.remove(path, { name: 'zz', alias: 'a' })).toMatchObject(missing)
  })
})
