// What released versions of the machines have stored must stay readable. The files in golden/ are named
// after the machine's version; a released version's file is never edited: a new version adds a new file.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ApprovalEvent, approvalMachine, approvalMachineVersion } from '../../src/machines/approval.ts'
import { type Approval, decide, decideApproval, type Lifecycle } from '../../src/machines/decide.ts'
import {
  type ModelVersionEvent,
  modelVersionMachine,
  modelVersionMachineVersion,
} from '../../src/machines/model-version.ts'
import { nameOf, statesOf } from './stored.ts'

/** One row as it was stored, an event told to it, and the state it then has; null: it refuses the event. */
type Golden<Stored, Event> = {
  stored: Stored & { machineVersion: number }
  event: Event
  becomes: string | null
}

const folder = new URL('golden/', import.meta.url)

/** Every golden row of a machine, of all the versions there have been. */
function goldenOf<Stored, Event>(machine: string): Golden<Stored, Event>[] {
  const files = readdirSync(folder).filter((file) => file.startsWith(`${machine}.v`))
  return files.flatMap((file) => {
    const rows: Golden<Stored, Event>[] = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
    for (const { stored } of rows) expect(file).toBe(`${machine}.v${stored.machineVersion}.json`)
    return rows
  })
}

describe('stored lifecycles', () => {
  const golden = goldenOf<Lifecycle, ModelVersionEvent>('model-version')

  it('are kept of every state of the current version', () => {
    const current = golden.filter(({ stored }) => stored.machineVersion === modelVersionMachineVersion)
    expect(current.map(({ stored }) => nameOf(stored.value))).toEqual(statesOf(modelVersionMachine))
  })

  for (const { stored, event, becomes } of golden)
    it(`of version ${stored.machineVersion} in ${nameOf(stored.value)} take ${event.type}`, () => {
      const decision = decide({ value: stored.value, context: stored.context }, event)
      expect(decision.kind === 'moved' ? nameOf(decision.next.value) : null).toBe(becomes)
    })
})

describe('stored approval requests', () => {
  const golden = goldenOf<Approval, ApprovalEvent>('approval')

  it('are kept of every state of the current version', () => {
    const current = golden.filter(({ stored }) => stored.machineVersion === approvalMachineVersion)
    expect(current.map(({ stored }) => stored.value)).toEqual(statesOf(approvalMachine))
  })

  for (const { stored, event, becomes } of golden)
    it(`of version ${stored.machineVersion} that are ${stored.value} ${becomes ? 'take' : 'refuse'} ${event.type}`, () => {
      const next = decideApproval({ value: stored.value, context: stored.context }, event)
      expect(next?.value ?? null).toBe(becomes)
    })
})
