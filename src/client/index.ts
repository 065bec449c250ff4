// What `import … from 'greenroom'` gives.
export { DigestMismatchError } from '../artifacts/cache.ts'
export { UnavailableSourceError } from '../artifacts/remote.ts'
export { InvalidInputError, NotFoundError, OperatorError } from '../errors.ts'
export type { Stage } from '../machines/stages.ts'
export type { Cell, Rows } from '../runtimes/rows.ts'
export { UnreadableSourceError } from '../runtimes/source.ts'
export { UnusableModelError } from '../runtimes/unusable.ts'
export { ApiError, NoAnswerError } from './errors.ts'
export { loadModel, type Model, type Which } from './load-model.ts'
export { type Promotion, type PromotionWish, promoteModel } from './promotion.ts'
export {
  getModelInfo,
  getModelVersion,
  listRegisteredModels,
  type ModelInfo,
  type Options,
  type VersionInfo,
  type VersionSummary,
} from './registry.ts'
