import { z } from 'zod'
import type { Registration } from '../lifecycle.ts'
import { byName, filledText, text, versionNumber } from './text.ts'

/** How long what is said of a version may be, in characters. */
export const longest = { source: 2_048, runId: 256, tagKey: 250, tagValue: 100_000, description: 100_000 }

/** What may be said of a version when it is registered, but for its model's name. */
export const registrationFields = {
  source: filledText(longest.source).describe('Where the artifact is: a path or a URI.'),
  version: versionNumber.optional().describe('The number it must have; left out, the next one is taken.'),
  run_id: filledText(longest.runId).optional().describe('The run that made it.'),
  metrics: byName(filledText(250), z.number())
    .optional()
    .describe('What its makers measured; finite numbers by name.'),
  tags: byName(filledText(longest.tagKey), text(longest.tagValue)).optional(),
  description: text(longest.description).optional(),
  author: filledText(256).optional().describe('Who made it; they cannot approve it themselves.'),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'must be "sha256:" and 64 hexadecimal digits')
    .optional()
    .describe('`sha256:<hex>` of the artifact, if known; a validation that sees another one fails.'),
}

const fields = z.strictObject(registrationFields)

/** A registration from fields that were parsed. *Pure.* */
export function registrationOf(name: string, given: z.infer<typeof fields>): Registration {
  return {
    name,
    source: given.source,
    version: given.version ?? null,
    runId: given.run_id ?? null,
    metrics: given.metrics ?? {},
    tags: given.tags ?? {},
    description: given.description ?? null,
    author: given.author ?? null,
    digest: given.digest ?? null,
  }
}
