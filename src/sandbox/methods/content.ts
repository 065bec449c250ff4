import { z } from 'zod'
import { type Block, measureText, messageBlocks } from '../block-kit/blocks.ts'
import { limits } from '../block-kit/limits.ts'
import { type Answer, type Checked, check, readJson, refuse } from './answer.ts'

/** What a message says. `blocks` is null where the call left them out. */
export type Content = {
  text: string | null
  blocks: Block[] | null
  metadata: { event_type: string; event_payload: Record<string, unknown> } | null
  warnings: string[]
}

const metadataShape = z.strictObject({
  event_type: z.string().min(1),
  event_payload: z.record(z.string(), z.unknown()),
})

/** The text, blocks and metadata of a call, held against Slack's limits. *Pure.* */
export function readContent(args: Record<string, unknown>): Checked<Content> {
  const text = args.text === undefined ? null : String(args.text)
  const hasBlocks = isGiven(args.blocks)
  if (text === null && !hasBlocks) return refused(refuse('no_text'))
  const blocks = hasBlocks ? readBlocks(args.blocks) : null
  if (blocks?.kind === 'refused') return blocks
  if (!text && !blocks?.value.length) return refused(refuse('no_text'))
  if (text && text.length > limits.messageText) return refused(refuse('msg_too_long'))
  const metadata = isGiven(args.metadata)
    ? check(metadataShape, readJson(args.metadata), 'invalid_metadata_format', '/metadata')
    : null
  if (metadata?.kind === 'refused') return metadata
  return {
    kind: 'fine',
    value: {
      text,
      blocks: blocks?.value ?? null,
      metadata: metadata?.value ?? null,
      warnings: text && text.length > limits.advisedText ? ['text_longer_than_advised'] : [],
    },
  }
}

function readBlocks(argument: unknown): Checked<Block[]> {
  const blocks = readJson(argument)
  if (!Array.isArray(blocks)) return refused(refuse('invalid_blocks_format'))
  const checked = check(messageBlocks, blocks, 'invalid_blocks', '/blocks')
  if (checked.kind === 'fine' && measureText(checked.value) > limits.blocksText) {
    return refused(refuse('msg_blocks_too_long'))
  }
  return checked
}

function isGiven(argument: unknown): boolean {
  return argument !== undefined && argument !== null && argument !== ''
}

function refused(answer: Answer): { kind: 'refused'; answer: Answer } {
  return { kind: 'refused', answer }
}
