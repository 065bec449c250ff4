import { setTimeout as sleep } from 'node:timers/promises'
import { actionIds } from '../src/notifiers/slack/message.ts'
import { type Moves, watchMoves } from './moves.ts'
import { clicker, type Stage } from './stage.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** How many samples are taken, after how many that only warm up. */
export type LatencySize = { warmUp: number; webhooks: number; clicks: number }

const pauseMs = 50
const models = 10
const patienceMs = 15_000

/** Times webhook → Staging and click → Production, one at a time on a machine that is otherwise at rest. */
export async function measureLatency(
  stage: Stage,
  size: LatencySize,
): Promise<{ toStaging: Spread; toProduction: Spread }> {
  const moves = await watchMoves(stage.databaseUrl)
  try {
    await sample(size.warmUp, () => timeWebhook(stage, moves, 0))
    const toStaging = await sample(size.webhooks, (index) => timeWebhook(stage, moves, index))
    await sample(Math.ceil(size.warmUp / 5), () => timeClick(stage, moves, 0))
    const toProduction = await sample(size.clicks, (index) => timeClick(stage, moves, index))
    return { toStaging: spreadOf(toStaging), toProduction: spreadOf(toProduction) }
  } finally {
    await moves.close()
  }
}

async function sample(count: number, time: (index: number) => Promise<number>): Promise<number[]> {
  const samples: number[] = []
  for (let index = 0; index < count; index++) {
    samples.push(await time(index))
    await sleep(pauseMs)
  }
  return samples
}

/** From the sending of a webhook to the version's move to Staging. */
async function timeWebhook({ url, sender }: Stage, moves: Moves, index: number): Promise<number> {
  const model = `open-${index % models}`
  const delivery = sender.sign(model)
  const started = performance.now()
  const { version } = await sender.send(url, delivery)
  return (await moves.entered(model, version, 'Staging')) - started
}

/** From the click on Approve to the version's move to Production, which archives the one before it. */
async function timeClick(stage: Stage, moves: Moves, index: number): Promise<number> {
  const { url, sender, sandbox } = stage
  const model = `gated-${index % models}`
  const { version } = await sender.send(url, sender.sign(model))
  const ts = await findQuestion(stage, model, version)
  await sleep(pauseMs)
  const started = performance.now()
  const answered = sandbox.click({ ts, actionId: actionIds.approve, userId: clicker })
  const entered = await moves.entered(model, version, 'Production')
  const { status } = await answered
  if (status !== 200) throw new Error(`a click was answered with ${status}`)
  return entered - started
}

/** Waits until a version's question stands in Slack; gives its timestamp there. */
async function findQuestion({ db }: Stage, model: string, version: number): Promise<string> {
  const query = `
    select r.message ->> 'ts' as ts from approval_request r join registered_model m on m.id = r.model_id
    where m.name = $1 and r.version = $2 and r.message is not null`
  for (const end = performance.now() + patienceMs; performance.now() < end; ) {
    const { rows } = await db.query<{ ts: string }>(query, [model, version])
    if (rows[0] !== undefined) return rows[0].ts
    await sleep(5)
  }
  throw new Error(`nobody was asked about version ${version} of ${model}`)
}
