/**
 * What Slack accepts, in characters or items, from its Block Kit and Web API reference
 * (https://docs.slack.dev/reference/block-kit, https://docs.slack.dev/reference/methods).
 */
export const limits = {
  messageBlocks: 50,
  modalBlocks: 100,
  blockId: 255,
  actionId: 255,
  sectionText: 3000,
  sectionFields: 10,
  sectionFieldText: 2000,
  headerText: 150,
  contextElements: 10,
  contextText: 3000,
  actionsElements: 25,
  buttonText: 75,
  buttonValue: 2000,
  buttonUrl: 3000,
  accessibilityLabel: 75,
  confirmTitle: 100,
  confirmText: 300,
  confirmButton: 30,
  imageUrl: 3000,
  imageAlt: 2000,
  markdownText: 12000,
  modalTitle: 24,
  privateMetadata: 3000,
  callbackId: 255,
  inputLabel: 2000,
  inputLength: 3000,
  placeholder: 150,
  optionText: 75,
  optionValue: 150,
  selectOptions: 100,
  choiceOptions: 10,
  /** `chat.postMessage` and `chat.postEphemeral`: longer text is refused here (Slack cuts it off and warns). */
  messageText: 40000,
  /** Above this Slack advises against the text, so the answer carries a warning. */
  advisedText: 4000,
  /** `chat.update`: measured in UTF-8 bytes, and far lower than for a new message. */
  updateTextBytes: 4000,
  /** All text of a message's blocks together; Slack names the figure but publishes no exact rule for it. */
  blocksText: 12000,
  viewBytes: 250_000,
} as const
