import type { Block, InputBlock, ModalBlock } from './blocks.ts'

type NewId = () => string

/** A message's blocks with a `block_id` and every button with an `action_id`, made up where missing, as Slack does. */
export function nameBlocks(blocks: Block[], newId: NewId): Block[] {
  return blocks.map((block) => nameBlock(block, newId))
}

/** The same for the blocks of a modal. */
export function nameModalBlocks(blocks: ModalBlock[], newId: NewId): ModalBlock[] {
  return blocks.map((block) => (block.type === 'input' ? nameInput(block, newId) : nameBlock(block, newId)))
}

function nameBlock(block: Block, newId: NewId): Block {
  const block_id = block.block_id ?? newId()
  if (block.type === 'actions') {
    return { ...block, block_id, elements: block.elements.map((element) => nameElement(element, newId)) }
  }
  if (block.type === 'section' && block.accessory?.type === 'button') {
    return { ...block, block_id, accessory: nameElement(block.accessory, newId) }
  }
  return { ...block, block_id }
}

function nameInput(block: InputBlock, newId: NewId): InputBlock {
  return { ...block, block_id: block.block_id ?? newId(), element: nameElement(block.element, newId) }
}

function nameElement<T extends { action_id?: string | undefined }>(element: T, newId: NewId): T {
  return { ...element, action_id: element.action_id ?? newId() }
}
