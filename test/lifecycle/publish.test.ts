import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeAlias } from '../../src/lifecycle/aliases.ts'
import { tagVersion, untagVersion } from '../../src/lifecycle/annotations.ts'
import { answerRequest } from '../../src/lifecycle/answer.ts'
import { publish } from '../../src/lifecycle/publish.ts'
import { register } from '../../src/lifecycle.ts'
import { lockModel } from '../../src/store/models.ts'
import { saveModelTags } from '../../src/store/tags.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import { insertWebhook } from '../../src/store/webhooks.ts'
import { eventNames } from '../../src/webhooks/events.ts'
import type { Happening } from '../../src/webhooks/happenings.ts'
import { openTestDatabase, type TestDatabase, untilWaiting } from '../helpers/database.ts'
import { actor, lifecycleDeps, registerToApproval, registration } from '../helpers/lifecycle.ts'

let test: TestDatabase
beforeEach(async () => {
  test = await openTestDatabase()
  const settings = {
    name: 'all',
    url: 'https://r.example',
    description: null,
    secret: null,
    events: eventNames,
  }
  const id = '00000000-0000-4000-8000-000000000001'
  await test.db
    .transaction()
    .execute((trx) => insertWebhook(trx, id, { ...settings, status: 'ACTIVE' }, new Date()))
})
afterEach(() => test.close())

const deps = lifecycleDeps()

/** What was told, in order: event and data. */
async function told(): Promise<[string, unknown][]> {
  const rows = await test.db.selectFrom('webhook_delivery').selectAll().orderBy('created_at').execute()
  return rows.map(({ entity, action, body }) => [`${entity}.${action}`, JSON.parse(body).data])
}

const happen = (happening: Happening) =>
  test.db.transaction().execute(async (trx) => {
    await publish(trx, await lockModel(trx, 'm'), happening, actor('alice'), new Date())
  })

it('a webhook hears of what was done after it was made, by whoever waited for the model meanwhile', async () => {
  await register(test.db, registration('m'), actor('ci'), deps)
  await test.db.deleteFrom('webhook_delivery').execute()
  await test.db.updateTable('webhook').set({ status: 'DISABLED' }).execute()
  const tagging = await inTransaction(test.db, async (trx) => {
    await lockModel(trx, 'm')
    const tag = { key: 'k', value: 'v' }
    const waiting = tagVersion(test.db, { name: 'm', version: 1 }, tag, actor('alice'), new Date())
    await untilWaiting(test.db, 1)
    await test.db.updateTable('webhook').set({ status: 'ACTIVE' }).execute()
    return () => waiting
  })
  await tagging()
  expect(await told()).toEqual([['model_version_tag.set', { name: 'm', version: '1', key: 'k', value: 'v' }]])
})

describe('the door tells', () => {
  it('of a model that comes with its first version, of every version and of every change of stage, by whom and why, and of nothing in between', async () => {
    const first = await registerToApproval(test.db, deps, 'm')
    const approve = (requestId: string, reason: string) =>
      answerRequest(
        test.db,
        requestId,
        { answer: 'approve', reason },
        { name: 'alice', mayApprove: true },
        actor('alice'),
        deps,
      )
    await approve(first.requestId, 'good')
    const second = await registerToApproval(test.db, deps, 'm')
    await approve(second.requestId, 'better')
    const moved = (version: string, from_stage: string, to_stage: string, actor: string, reason: unknown) => [
      'model_version.transitioned_stage',
      { name: 'm', version, from_stage, to_stage, actor, reason, sequence: expect.any(Number) },
    ]
    const created = (version: string) => ['model_version.created', expect.objectContaining({ version })]
    const events = await told()
    expect(events).toEqual([
      ['registered_model.created', { name: 'm', tags: {}, description: '' }],
      created('1'),
      moved('1', 'None', 'Staging', 'greenroom', '1 of 1 checks passed'),
      moved('1', 'Staging', 'Production', 'alice', 'good'),
      created('2'),
      moved('2', 'None', 'Staging', 'greenroom', '1 of 1 checks passed'),
      moved('2', 'Staging', 'Production', 'alice', 'better'),
      moved('1', 'Production', 'Archived', 'alice', 'version 2 was promoted'),
    ])
    const rows = await test.db
      .selectFrom('webhook_delivery')
      .select('sequence')
      .orderBy('created_at')
      .execute()
    const history = await test.db
      .selectFrom('event')
      .select(['seq', 'from_stage', 'to_stage'])
      .orderBy('seq')
      .execute()
    const changes = history.filter(({ from_stage, to_stage }) => from_stage !== to_stage)
    // The model and its first version came in one.
    expect([...new Set(rows.map(({ sequence }) => sequence))]).toEqual(changes.map(({ seq }) => seq))
  })

  it('of a duplicate registration nothing', async () => {
    const version = { version: 1 }
    await register(test.db, registration('m', version), actor('ci'), deps)
    await register(test.db, registration('m', version), actor('ci'), deps)
    const names = (await told()).map(([name]) => name)
    expect(names).toEqual(['registered_model.created', 'model_version.created'])
  })

  it('of a version with a prompt’s tags as of a prompt’s', async () => {
    const tags = { 'mlflow.prompt.is_prompt': 'true', 'mlflow.prompt.text': 'Hi' }
    await register(test.db, registration('m', { tags }), actor('ci'), deps)
    expect((await told()).slice(1)).toEqual([
      ['prompt_version.created', { name: 'm', version: '1', template: 'Hi', tags: {}, description: null }],
    ])
  })
})

describe('tags and aliases are told of', () => {
  const happenings: Happening[] = [
    { kind: 'modelTagSet', key: 'k', value: 'v' },
    { kind: 'versionTagSet', version: 1, key: 'k', value: 'v' },
    { kind: 'aliasSet', version: 1, alias: 'champion' },
  ]
  beforeEach(() => register(test.db, registration('m'), actor('ci'), deps))
  const names = async () => (await told()).slice(2).map(([name]) => name)

  it('as a model’s', async () => {
    for (const happening of happenings) await happen(happening)
    expect(await names()).toEqual(['model_version_tag.set', 'model_version_alias.created'])
  })

  it('also when what is to be deleted is not there, as by MLflow', async () => {
    const from = { name: 'alice', mayApprove: true }
    await removeAlias(test.db, 'm', 'champion', from, actor('alice'), deps)
    await untagVersion(test.db, { name: 'm', version: 1 }, 'k', actor('alice'), deps.now())
    expect((await told()).slice(2)).toEqual([
      ['model_version_alias.deleted', { name: 'm', alias: 'champion' }],
      ['model_version_tag.deleted', { name: 'm', version: '1', key: 'k' }],
    ])
  })

  it('as a prompt’s, when the model is one', async () => {
    await test.db
      .transaction()
      .execute(async (trx) =>
        saveModelTags(trx, await lockModel(trx, 'm'), { 'mlflow.prompt.is_prompt': 'true' }),
      )
    for (const happening of happenings) await happen(happening)
    expect(await names()).toEqual(['prompt_tag.set', 'prompt_version_tag.set', 'prompt_alias.created'])
  })
})
