// Builds that are broken on purpose, each by an edit of the product's own source as a child process loads it. A test
// of a fault runs once against such a build and must see there what it guards against.

/** Replaces text that stands once in a file of `src/`. */
export type Edit = { file: string; from: string; to: string }

/** Nobody looks after commands whose worker died or whose queue lost them (L2, L4). */
export const withoutSweeper: Edit[] = [
  { file: 'main.ts', from: 'startSweeper({ db: reserved, queues, log })', to: '{ stop: async () => {} }' },
]

/** A worker that lost its lease neither notices nor is kept from writing the end (V9). */
export const withoutFence: Edit[] = [
  { file: 'store/validations.ts', from: "    .from('finished')\n", to: '' },
  { file: 'store/validations.ts', from: 'if (numAffectedRows !== 1n) throw overtaken(check)', to: '' },
  {
    file: 'workers/workers.ts',
    from: 'const isHeld = await renewLease(deps.db, attempt, leaseMs)',
    to: 'const isHeld = true',
  },
]

/** Every copy of a delivery counts as the first (V7). */
export const withoutDedupe: Edit[] = [
  {
    file: 'store/deliveries.ts',
    from: 'await insertRow(trx, { source, id, bodyHash, name, version, now })',
    to: 'void [trx, insertRow, source, id, bodyHash, name, version, now]',
  },
]

/** A webhook is answered with 200 a moment before its version is durable (L1, L7). */
export const withEarlyAnswer: Edit[] = [
  {
    file: 'http/webhooks/routes.ts',
    from: 'const outcome = await registerOnce(',
    to: `void reply.code(200).send({})
  await new Promise((resolve) => setTimeout(resolve, 200))
  const outcome = await registerOnce(`,
  },
]

/** A webhook waits for the queue (L3). */
export const withQueueInTheRequest: Edit[] = [
  {
    file: 'http/webhooks/routes.ts',
    from: 'const outcome = await registerOnce(',
    to: 'await deps.queues.ping()\n  const outcome = await registerOnce(',
  },
]

/** The dispatcher does not outlive its first failure (L7). */
export const withMortalDispatcher: Edit[] = [
  {
    file: 'workers/dispatcher.ts',
    from: 'startLoop(turn,',
    to: 'startLoop(() => turn().catch(() => new Promise(() => {})),',
  },
]

/** Nothing keeps two answers to one model's requests apart (V4). */
export const withoutModelLock: Edit[] = [
  { file: 'store/models.ts', from: "where('name', '=', name).forUpdate()", to: "where('name', '=', name)" },
  { file: 'store/models.ts', from: "where('id', '=', id).forUpdate()", to: "where('id', '=', id)" },
]

/** The message of a request that has ended is left as it was (V12). */
export const withoutRewrite: Edit[] = [
  {
    file: 'lifecycle/effects.ts',
    from: 'await cancelDeadline(trx, request.id)\n  await appendCommands(trx, [updateOf(model, request, deps)])',
    to: 'await cancelDeadline(trx, request.id)',
  },
]

/** A process that is told to stop just ends. */
export const withAbruptStop: Edit[] = [
  { file: 'cli/service.ts', from: 'running.close().then(() => true)', to: 'Promise.resolve(true)' },
]

/** A model may take as long as it likes. */
export const withoutTimeLimit: Edit[] = [
  {
    file: 'runtimes/sandbox-process.ts',
    from: "setTimeout(() => resolve({ kind: 'timedOut' }), limits.timeoutMs)",
    to: "setTimeout(() => resolve({ kind: 'timedOut' }), 3_600_000)",
  },
]

/** A delivery is written anew for every attempt (V14). */
export const withRewrittenBody: Edit[] = [
  {
    file: 'workers/deliver-webhook.ts',
    from: 'message: delivery }',
    to: "message: { ...delivery, body: delivery.body.replace('+00:00', '+' + at.getTime()) } }",
  },
]

/** Every attempt at a delivery is another delivery (V14). */
export const withFreshId: Edit[] = [
  {
    file: 'workers/deliver-webhook.ts',
    from: 'message: delivery }',
    to: 'message: { ...delivery, id: crypto.randomUUID() } }',
  },
]

/** Webhooks may lead anywhere (R13). */
export const withoutGuard: Edit[] = [
  {
    file: 'config.ts',
    from: "allowPrivateAddresses: values.WEBHOOK_ALLOW_PRIVATE_ADDRESSES === 'true'",
    to: 'allowPrivateAddresses: true',
  },
]

/** Whatever the database's fault, nothing is said to have been changed. */
export const withFalseComfort: Edit[] = [
  {
    file: 'http/errors.ts',
    from: 'and whether anything was changed is not known',
    to: 'nothing was changed',
  },
]

/** Whoever waits for a model's lock does so for as long as a statement may take. */
export const withoutLockTimeout: Edit[] = [
  { file: 'store/database.ts', from: 'lock_timeout: options.lockTimeoutMs ?? usualLockTimeoutMs,', to: '' },
]

/** Finding out who calls, and the ledger's leases, take their turn among all that wait for a model. */
export const withOnePool: Edit[] = [
  { file: 'main.ts', from: 'db: reserved,\n      queues', to: 'db,\n      queues' },
  { file: 'main.ts', from: 'config, db, reserved, log', to: 'config, db, reserved: db, log' },
]

/** Whoever has asked the database something waits for its answer for as long as it takes. */
export const withPatientConnections: Edit[] = [
  { file: 'store/database.ts', from: 'query_timeout: 20_000,', to: '' },
  { file: 'workers/queues.ts', from: '{ ...impatient, connectionString', to: '{ connectionString' },
]

/** Nobody hears that the connection broke on which the queues are brought up to date. */
export const withUnheardBreak: Edit[] = [
  {
    file: 'workers/queues.ts',
    from: "client.on('error', () => {}) // what it was asked rejects besides",
    to: '',
  },
]
