// The lifecycle of one model version. The top-level state is the stage (MLflow's four, spelled so);
// the state inside it says what is going on there.
//
// Invariants:
//   M1. A result of a validation or of a request that is not the open one is never accepted.
//   M2. Production is entered only from an approved request on a validated version, by a rollback of a
//       version that has served before, or by a free move where the policy has no gate (V3).
//   M3. What is under way when a state is left for another reason is cancelled by an effect.
//   M4. People are asked only about what was checked under the policy and against the incumbent of that moment.
//   M5. Nothing here does I/O, reads a clock or makes an id: facts and fresh ids arrive inside events.
import { assign, enqueueActions, setup } from 'xstate'
import type { Stage } from './stages.ts'

export { type Stage, stages } from './stages.ts'

/** The version of this machine's shape; a stored snapshot of another version is migrated or refused. */
export const modelVersionMachineVersion = 1

/** `approved`: people decide on Production. `none`: any stage may follow any other, as in MLflow. */
export type Gate = 'approved' | 'none'

/** Which checks of the policy a validation runs: those before Staging, those in Staging, or both. */
export type Suite = 'validate' | 'test' | 'all'

export type ModelVersionContext = {
  /** The validation that is running; null when none is. */
  validationId: string | null
  /** The approval request that is open; null when none is. */
  requestId: string | null
  /** The checks before Staging have passed. */
  validated: boolean
  /** Has been in Production before. */
  served: boolean
}

/**
 * A fresh id, made by the caller, for what the event may start. An event's `current` says that what the checks
 * before Staging ran under still holds: the policy, and the incumbent they compared with.
 */
type Fresh = { freshId: string }

export type ModelVersionEvent =
  | ({ type: 'validationPassed'; validationId: string; gate: Gate; current: boolean } & Fresh)
  | { type: 'validationFailed'; validationId: string }
  | { type: 'validationGaveUp'; validationId: string }
  | ({ type: 'revalidate' } & Fresh)
  | ({ type: 'requestApproval'; current: boolean } & Fresh)
  | { type: 'approved'; requestId: string; archiveExisting: boolean }
  | { type: 'declined' | 'expired' | 'withdrawn' | 'stale'; requestId: string }
  | { type: 'superseded'; by: number }
  | { type: 'archive' }
  | { type: 'restore' }
  | { type: 'rollback'; reason: string }
  | { type: 'move'; to: Stage; gate: Gate; archiveExisting: boolean }

/** What the caller must do, in the same transaction, for a transition to be true. */
export type ModelVersionEffect =
  | { type: 'startValidation'; validationId: string; suite: Suite }
  | { type: 'cancelValidation'; validationId: string }
  | { type: 'openRequest'; requestId: string; validationId: string }
  | { type: 'withdrawRequest'; requestId: string }
  | { type: 'archiveIncumbents' }

const machine = setup({
  types: {
    context: {} as ModelVersionContext,
    events: {} as ModelVersionEvent,
    emitted: {} as ModelVersionEffect,
    /** The id of the validation to begin with; null where there is nothing to validate and nobody to ask. */
    input: {} as { freshId: string | null },
  },
  guards: {
    isOpenValidation: ({ context }, of: { validationId: string }) => context.validationId === of.validationId,
    passedUngated: ({ context }, of: { validationId: string; gate: Gate }) =>
      context.validationId === of.validationId && of.gate === 'none',
    passedOutdated: ({ context }, of: { validationId: string; current: boolean }) =>
      context.validationId === of.validationId && !of.current,
    isOpenRequest: ({ context }, of: { requestId: string }) => context.requestId === of.requestId,
    mayBeApproved: ({ context }, of: { requestId: string }) =>
      context.validated && context.requestId === of.requestId,
    wasValidated: ({ context }) => context.validated,
    mayRollBack: ({ context }, of: { reason: string }) => context.served && of.reason.trim() !== '',
    mayMoveTo: (_, of: { to: Stage; gate: Gate; wanted: Stage }) => of.gate === 'none' && of.to === of.wanted,
  },
  actions: {
    startValidation: enqueueActions(({ enqueue }, of: { freshId: string; suite: Suite }) => {
      enqueue.assign({ validationId: of.freshId })
      enqueue.emit({ type: 'startValidation', validationId: of.freshId, suite: of.suite })
    }),
    forgetValidity: assign({ validated: false }),
    startTests: enqueueActions(({ enqueue, context }, of: { freshId: string; current: boolean }) => {
      const suite = context.validated && of.current ? 'test' : 'all'
      enqueue.assign({ validationId: of.freshId, validated: suite === 'test' })
      enqueue.emit({ type: 'startValidation', validationId: of.freshId, suite })
    }),
    noteValid: assign({ validated: true, validationId: null }),
    closeValidation: assign({ validationId: null }),
    openRequest: enqueueActions(({ enqueue }, of: { freshId: string; validationId: string }) => {
      enqueue.assign({ requestId: of.freshId })
      enqueue.emit({ type: 'openRequest', requestId: of.freshId, validationId: of.validationId })
    }),
    closeRequest: assign({ requestId: null }),
    abandonWork: enqueueActions(({ enqueue, context }) => {
      if (context.validationId !== null)
        enqueue.emit({ type: 'cancelValidation', validationId: context.validationId })
      if (context.requestId !== null) enqueue.emit({ type: 'withdrawRequest', requestId: context.requestId })
      enqueue.assign({ validationId: null, requestId: null })
    }),
    noteServed: assign({ served: true }),
    archiveIncumbents: enqueueActions(({ enqueue }, of: { archiveExisting: boolean }) => {
      if (of.archiveExisting) enqueue.emit({ type: 'archiveIncumbents' })
    }),
  },
})

const anew = machine.createStateConfig({
  on: {
    revalidate: {
      target: '#modelVersion.Staging.testing',
      actions: [
        'abandonWork',
        'forgetValidity',
        { type: 'startValidation', params: ({ event }) => ({ freshId: event.freshId, suite: 'all' }) },
      ],
    },
  },
})

const mayAsk = machine.createStateConfig({
  on: {
    ...anew.on,
    requestApproval: {
      target: '#modelVersion.Staging.testing',
      actions: { type: 'startTests', params: ({ event }) => event },
    },
  },
})

const mayValidate = machine.createStateConfig({
  on: {
    revalidate: {
      target: '#modelVersion.None.validating',
      actions: [
        'forgetValidity',
        { type: 'startValidation', params: ({ event }) => ({ freshId: event.freshId, suite: 'validate' }) },
      ],
    },
  },
})

/** The statechart of one model version; pure, to be run by `decide` only. */
export const modelVersionMachine = machine.createMachine({
  id: 'modelVersion',
  context: ({ input }) => ({
    validationId: input?.freshId ?? null,
    requestId: null,
    validated: false,
    served: false,
  }),
  entry: enqueueActions(({ enqueue, context }) => {
    if (context.validationId !== null)
      enqueue.emit({ type: 'startValidation', validationId: context.validationId, suite: 'validate' })
  }),
  initial: 'None',
  on: {
    move: [
      {
        guard: { type: 'mayMoveTo', params: ({ event }) => ({ ...event, wanted: 'None' }) },
        target: '.None.idle',
        actions: 'abandonWork',
      },
      {
        guard: { type: 'mayMoveTo', params: ({ event }) => ({ ...event, wanted: 'Staging' }) },
        target: '.Staging.ready',
        actions: 'abandonWork',
      },
      {
        guard: { type: 'mayMoveTo', params: ({ event }) => ({ ...event, wanted: 'Production' }) },
        target: '.Production.live',
        actions: ['abandonWork', { type: 'archiveIncumbents', params: ({ event }) => event }],
      },
      {
        guard: { type: 'mayMoveTo', params: ({ event }) => ({ ...event, wanted: 'Archived' }) },
        target: '.Archived.retired',
        actions: 'abandonWork',
      },
    ],
  },
  states: {
    None: {
      initial: 'validating',
      on: { archive: { target: '#modelVersion.Archived.retired', actions: 'abandonWork' } },
      states: {
        validating: {
          on: {
            validationPassed: [
              {
                guard: { type: 'passedUngated', params: ({ event }) => event },
                target: '#modelVersion.Staging.ready',
                actions: 'noteValid',
              },
              {
                guard: { type: 'isOpenValidation', params: ({ event }) => event },
                target: '#modelVersion.Staging.testing',
                actions: ['noteValid', { type: 'startTests', params: ({ event }) => event }],
              },
            ],
            validationFailed: {
              guard: { type: 'isOpenValidation', params: ({ event }) => event },
              target: 'rejected',
              actions: 'closeValidation',
            },
            validationGaveUp: {
              guard: { type: 'isOpenValidation', params: ({ event }) => event },
              target: 'stuck',
              actions: 'closeValidation',
            },
          },
        },
        rejected: mayValidate,
        stuck: mayValidate,
        idle: mayValidate,
      },
    },
    Staging: {
      initial: 'testing',
      on: { archive: { target: '#modelVersion.Archived.retired', actions: 'abandonWork' } },
      states: {
        testing: {
          on: {
            validationPassed: [
              {
                guard: { type: 'passedUngated', params: ({ event }) => event },
                target: 'ready',
                actions: 'noteValid',
              },
              {
                guard: { type: 'passedOutdated', params: ({ event }) => event },
                target: 'testing',
                actions: ['noteValid', { type: 'startTests', params: ({ event }) => event }],
              },
              {
                guard: { type: 'isOpenValidation', params: ({ event }) => event },
                target: 'awaitingApproval',
                actions: ['noteValid', { type: 'openRequest', params: ({ event }) => event }],
              },
            ],
            validationFailed: {
              guard: { type: 'isOpenValidation', params: ({ event }) => event },
              target: 'unfit',
              actions: 'closeValidation',
            },
            validationGaveUp: {
              guard: { type: 'isOpenValidation', params: ({ event }) => event },
              target: 'stuck',
              actions: 'closeValidation',
            },
          },
        },
        awaitingApproval: {
          on: {
            ...anew.on,
            approved: {
              guard: { type: 'mayBeApproved', params: ({ event }) => event },
              target: '#modelVersion.Production.live',
              actions: ['closeRequest', { type: 'archiveIncumbents', params: ({ event }) => event }],
            },
            declined: {
              guard: { type: 'isOpenRequest', params: ({ event }) => event },
              target: 'declined',
              actions: 'closeRequest',
            },
            expired: {
              guard: { type: 'isOpenRequest', params: ({ event }) => event },
              target: 'expired',
              actions: 'closeRequest',
            },
            withdrawn: {
              guard: { type: 'isOpenRequest', params: ({ event }) => event },
              target: 'ready',
              actions: 'closeRequest',
            },
            stale: {
              guard: { type: 'isOpenRequest', params: ({ event }) => event },
              target: 'ready',
              actions: 'closeRequest',
            },
          },
        },
        ready: mayAsk,
        declined: mayAsk,
        expired: mayAsk,
        unfit: mayAsk,
        stuck: mayAsk,
      },
    },
    Production: {
      initial: 'live',
      entry: 'noteServed',
      states: {
        live: {
          on: {
            superseded: { target: '#modelVersion.Archived.retired' },
            archive: { target: '#modelVersion.Archived.retired' },
          },
        },
      },
    },
    Archived: {
      initial: 'retired',
      states: {
        retired: {
          on: {
            ...mayValidate.on,
            restore: { guard: 'wasValidated', target: '#modelVersion.Staging.ready' },
            rollback: {
              guard: { type: 'mayRollBack', params: ({ event }) => event },
              target: '#modelVersion.Production.live',
              actions: { type: 'archiveIncumbents', params: { archiveExisting: true } },
            },
          },
        },
      },
    },
  },
})
