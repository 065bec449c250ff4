/** The four stages of MLflow's registry. */
export const stages = ['None', 'Staging', 'Production', 'Archived'] as const
export type Stage = (typeof stages)[number]

/** The stage that a word means, in whichever case it is written; null for any other word. *Pure.* */
export function stageNamed(word: string): Stage | null {
  return stages.find((stage) => stage.toLowerCase() === word.toLowerCase()) ?? null
}
