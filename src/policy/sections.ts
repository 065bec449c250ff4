// The sections of a policy file as they are written, each with its schema.
import { z } from 'zod'
import { checkRule } from './check-rules.ts'
import { slackIdIn } from './people.ts'
import { duration, strict } from './shapes.ts'

const dayMs = 86_400_000

/** A Slack user id, as Slack writes it. */
const slackId = /^[UW][A-Z0-9]{1,30}$/

/** A name that can be compared and shown: one line, no spaces around it. */
const name = z
  .string()
  .refine((text) => text !== '' && text === text.trim(), 'must be a name without spaces around it')
  .refine((text) => text.length <= 200 && !/\p{Cc}/u.test(text), 'must be one line of at most 200 characters')

const ownName = name.refine(
  (text) => slackIdIn(text) === null,
  'must not begin with "slack:"; a Slack user id belongs to the key slack of a person',
)

/** An alias as MLflow allows it. */
const alias = z.string().regex(/^[\w-]{1,255}$/, 'must be an alias: letters, digits, "_" and "-"')

const approver = name.refine((text) => {
  const id = slackIdIn(text)
  return id === null || slackId.test(id)
}, 'must name a Slack user by id, as in slack:U0ALICE')

const approval = strict({
  approvers: z
    .array(approver)
    .min(1, 'must list somebody; without the key, whoever holds the role approver decides')
    .max(100, 'must list at most 100 people')
    .optional(),
  quorum: z
    .number()
    .refine((count) => Number.isInteger(count) && count >= 1 && count <= 100, {
      error: 'must be a whole number from 1 to 100',
    })
    .optional(),
  expires: z
    .union(
      [z.literal('never').transform(() => null), duration(60_000, 365 * dayMs, 'from 1m to 365d, or never')],
      {
        error: 'must be a duration from 1m to 365d, or never',
      },
    )
    .optional(),
  self_approval: z.enum(['forbidden', 'allowed']).optional(),
})

/** The top of the file. The sections are parsed one by one, so that a fault in one hides none in another. */
export const topSection = strict({
  people: z.record(z.string(), z.unknown()).optional(),
  defaults: z.unknown().optional(),
  models: z.record(z.string(), z.unknown()).optional(),
})

/** The key of a person, which is their canonical name. */
export const personName = ownName

/** What else a person is known by; not yet compared with other people. */
export const personSection = strict({
  slack: z.string().regex(slackId, 'must be a Slack user id such as U0ALICE').optional(),
  aliases: z.array(ownName).optional(),
})

/** The rules under `defaults` or under a glob; an absent key is taken from what stands below. */
export const rulesSection = strict({
  gate: z.enum(['approved', 'none']).optional(),
  validate: z.array(checkRule).optional(),
  test: z.array(checkRule).optional(),
  approval: approval.optional(),
  archive_existing: z.boolean().optional(),
  protected_aliases: z.array(alias).max(100, 'must list at most 100 aliases').optional(),
})

/** One section of rules as it is written, before anything is filled in. */
export type WrittenRules = z.infer<typeof rulesSection>
