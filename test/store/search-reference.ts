// The search as a few lines over lists in memory: what the database must agree with.
import type { PlannedModel, PlannedVersion } from '../helpers/registries.ts'
import type { Entity } from './search-arbitraries.ts'

/** A condition of a filter, before it is written down. */
export type Asked =
  | { on: 'name' | 'run_id' | 'source_path'; comparator: string; value: string }
  | { on: 'name' | 'run_id'; comparator: 'IN' | 'NOT IN'; values: string[] }
  | { on: 'version_number'; comparator: string; value: number }
  | { on: 'tag'; key: string; comparator: string; value: string }

export type AskedOrder = { field: string; isDescending: boolean }

/** A row that a search may find; models have no version. */
type Candidate = {
  name: string
  version: number
  run_id: string
  source_path: string
  tags: Record<string, string>
  created: number
  updated: number
  isPrompt: boolean
}

const promptTag = 'mlflow.prompt.is_prompt'

/** What a search finds, in its order: `name` of models, `name/version` of versions. *Pure.* */
export function findInMemory(
  entity: Entity,
  models: PlannedModel[],
  asked: Asked[],
  order: AskedOrder[],
): string[] {
  const { onPrompts, others } = Object.groupBy(asked, (one) =>
    one.on === 'tag' && one.key === promptTag ? 'onPrompts' : 'others',
  )
  const wantsPrompts = onPrompts?.[0] !== undefined && isAboutPrompts(onPrompts[0])
  const found = candidates(entity, models).filter((row) =>
    wantsPrompts
      ? asked.every((one) => holds(row, one))
      : !row.isPrompt && (others ?? []).every((one) => holds(row, one)),
  )
  const keys = [...(order.length > 0 ? order : defaultOrder[entity]), ...tieBreak]
  return found
    .toSorted((a, b) => keys.reduce((result, key) => result || compareBy(a, b, key), 0))
    .map(({ name, version }) => (entity === 'models' ? name : `${name}/${version}`))
}

const defaultOrder: Record<Entity, AskedOrder[]> = {
  models: [],
  versions: [{ field: 'last_updated_timestamp', isDescending: true }],
}
const tieBreak = [
  { field: 'name', isDescending: false },
  { field: 'version_number', isDescending: true },
]

function candidates(entity: Entity, models: PlannedModel[]): Candidate[] {
  const standing = models.filter(({ isDeleted }) => !isDeleted)
  if (entity === 'models')
    return standing.map((model) => ({
      ...{ name: model.name, version: 0, run_id: '', source_path: '' },
      ...{ tags: model.tags ?? {}, created: model.createdAt ?? 0, updated: model.updatedAt ?? 0 },
      isPrompt: model.tags?.[promptTag] === 'true',
    }))
  return standing.flatMap(({ name, versions = [] }) => {
    const isPrompt = versions.some(({ tags }) => tags?.[promptTag] === 'true')
    return versions.filter(({ isDeleted }) => !isDeleted).map((version) => candidate(name, version, isPrompt))
  })
}

function candidate(name: string, planned: PlannedVersion, isPrompt: boolean): Candidate {
  const { version, runId, source = 's3://bucket/model', tags = {}, createdAt = 0, updatedAt = 0 } = planned
  return {
    ...{ name, version, run_id: runId ?? '', source_path: source, tags },
    ...{ created: createdAt, updated: updatedAt, isPrompt },
  }
}

function isAboutPrompts(asked: Asked): boolean {
  if (asked.on !== 'tag') return false
  const value = asked.value.toLowerCase()
  return (asked.comparator === '=' && value === 'true') || (asked.comparator === '!=' && value === 'false')
}

function holds(row: Candidate, asked: Asked): boolean {
  if (asked.on === 'version_number') return compareNumbers(row.version, asked.comparator, asked.value)
  if (asked.on === 'tag') {
    const value = Object.hasOwn(row.tags, asked.key) ? row.tags[asked.key] : undefined
    return value !== undefined && compareTexts(value, asked.comparator, asked.value)
  }
  if ('values' in asked) return asked.values.includes(row[asked.on]) === (asked.comparator === 'IN')
  return compareTexts(row[asked.on], asked.comparator, asked.value)
}

function compareTexts(text: string, comparator: string, value: string): boolean {
  switch (comparator) {
    case '=':
      return text === value
    case '!=':
      return text !== value
    case 'LIKE':
      return isLike([...text], [...value])
    case 'ILIKE':
      return isLike([...text.toLowerCase()], [...value.toLowerCase()])
    default:
      throw new Error(`no comparator of texts: ${comparator}`)
  }
}

function isLike(text: string[], pattern: string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return text.length === 0
  if (first === '%') return isLike(text, rest) || (text.length > 0 && isLike(text.slice(1), pattern))
  return text.length > 0 && (first === '_' || first === text[0]) && isLike(text.slice(1), rest)
}

function compareNumbers(version: number, comparator: string, value: number): boolean {
  switch (comparator) {
    case '=':
      return version === value
    case '!=':
      return version !== value
    case '<':
      return version < value
    case '<=':
      return version <= value
    case '>':
      return version > value
    case '>=':
      return version >= value
    default:
      throw new Error(`no comparator of numbers: ${comparator}`)
  }
}

function compareBy(a: Candidate, b: Candidate, { field, isDescending }: AskedOrder): number {
  const result = compareField(a, b, field)
  return isDescending ? -result : result
}

function compareField(a: Candidate, b: Candidate, field: string): number {
  switch (field) {
    case 'name':
      // The bytes of UTF-8 are in the order of code points.
      return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
    case 'version_number':
      return a.version - b.version
    case 'creation_timestamp':
      return a.created - b.created
    case 'timestamp':
    case 'last_updated_timestamp':
      return a.updated - b.updated
    default:
      throw new Error(`no field: ${field}`)
  }
}
