// The search agrees with a few lines over lists in memory, whatever is registered and whatever is asked. Each property
// is also run against searches that are broken on purpose, where it must be found violated.
import fc from 'fast-check'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readModelSearch, readVersionSearch, type SearchRequest } from '../../src/search/search.ts'
import type { Database } from '../../src/store/database.ts'
import { searchModels, searchVersions } from '../../src/store/search.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { rewritingText } from '../helpers/mutants.ts'
import { fillRegistry, type PlannedModel } from '../helpers/registries.ts'
import { askedOf, type Entity, orderOf, registry, style, writeFilter } from './search-arbitraries.ts'
import { type Asked, type AskedOrder, findInMemory } from './search-reference.ts'

/** What is broken in a build: the request on its way in, the SQL on its way out, or how the next page is found. */
type Build = {
  request?: (request: SearchRequest) => SearchRequest
  text?: (fragment: string) => string
  pagesByCount?: boolean
}
type Page = { found: string[]; nextPageToken: string | null }

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

class Undone extends Error {}

/** Runs `use` on a registry that is gone afterwards. */
async function withRegistry(
  models: PlannedModel[],
  use: (db: Kysely<Database>) => Promise<boolean>,
): Promise<boolean> {
  let result = false
  const undone = database.db.transaction().execute(async (trx) => {
    await fillRegistry(trx, models)
    result = await use(trx)
    throw new Undone()
  })
  const reason: unknown = await undone.catch((error: unknown) => error)
  // What the database cannot make sense of is as bad as a wrong answer: the search must never send it.
  if (isDataException(reason)) return false
  if (!(reason instanceof Undone)) throw reason
  return result
}

function isDataException(error: unknown): boolean {
  return /^22/.test(String((error as { code?: unknown }).code))
}

async function pageOf(
  db: Kysely<Database>,
  entity: Entity,
  request: SearchRequest,
  build: Build,
): Promise<Page> {
  const asked = build.request?.(request) ?? request
  const through = build.text === undefined ? db : db.withPlugin(rewritingText(build.text))
  if (entity === 'models') {
    const { rows, nextPageToken } = await searchModels(through, readModelSearch(asked))
    return { found: rows.map(({ name }) => name), nextPageToken }
  }
  const { rows, nextPageToken } = await searchVersions(through, readVersionSearch(asked))
  return { found: rows.map(({ name, version }) => `${name}/${version}`), nextPageToken }
}

/** All that a search finds, page by page. */
async function walkPages(
  db: Kysely<Database>,
  entity: Entity,
  request: SearchRequest & { maxResults: number },
  build: Build,
  afterEach: (page: string[]) => Promise<unknown> = async () => {},
): Promise<string[]> {
  const all: string[] = []
  let next: SearchRequest = request
  // More pages than any registry here has; a broken build may go round in circles.
  for (let pages = 0; pages < 50; pages++) {
    const { found, nextPageToken } = await pageOf(db, entity, next, build)
    const page = build.pagesByCount === true ? found.slice(all.length) : found
    all.push(...page)
    if (nextPageToken === null) break
    await afterEach(page)
    next =
      build.pagesByCount === true
        ? { ...request, maxResults: all.length + request.maxResults }
        : { ...request, pageToken: nextPageToken }
  }
  return all
}

class Violated extends Error {}

/** A case in which `check` does not hold, as text; null when none is found. */
async function findViolation<T>(
  cases: fc.Arbitrary<T>,
  numRuns: number,
  check: (one: T) => Promise<boolean>,
): Promise<string | null> {
  const property = fc.asyncProperty(cases, async (one) => {
    if (!(await check(one))) throw new Violated()
  })
  const { failed, errorInstance, counterexample, seed } = await fc.check(property, {
    numRuns,
    endOnFailure: true,
  })
  if (!failed) return null
  if (!(errorInstance instanceof Violated)) throw errorInstance
  return `${seed}: ${JSON.stringify(counterexample)}`
}

const isSame = (a: string[], b: string[]) => JSON.stringify(a) === JSON.stringify(b)

function filtersAgree(entity: Entity, build: Build): Promise<string | null> {
  const filters = fc.array(fc.tuple(askedOf(entity), style), { minLength: 12, maxLength: 12 })
  return findViolation(fc.tuple(registry, filters), 120, ([models, searches]) =>
    withRegistry(models, async (db) => {
      for (const [asked, how] of searches) {
        const { found } = await pageOf(db, entity, { filter: writeFilter(asked, how) }, build)
        if (!isSame(found, findInMemory(entity, models, asked, []))) return false
      }
      return true
    }),
  )
}

function walksOf(entity: Entity) {
  const asked = fc.oneof(
    { weight: 2, arbitrary: fc.constant<Asked[]>([]) },
    { weight: 1, arbitrary: askedOf(entity) },
  )
  const walk = fc.record({
    asked,
    order: orderOf(entity),
    maxResults: fc.integer({ min: 1, max: 5 }),
    how: style,
  })
  return fc.tuple(registry, fc.array(walk, { minLength: 5, maxLength: 5 }))
}

function pagesAgree(entity: Entity, build: Build): Promise<string | null> {
  return findViolation(walksOf(entity), 50, ([models, walks]) =>
    withRegistry(models, async (db) => {
      for (const { asked, order, maxResults, how } of walks) {
        const request = { filter: writeFilter(asked, how), orderBy: clausesOf(order), maxResults }
        const found = await walkPages(db, entity, request, build)
        if (!isSame(found, findInMemory(entity, models, asked, order))) return false
      }
      return true
    }),
  )
}

function pagesStandStill(entity: Entity, build: Build): Promise<string | null> {
  return findViolation(walksOf(entity), 50, ([models, [walk]]) =>
    withRegistry(models, async (db) => {
      if (walk === undefined) return true
      const { asked, order, maxResults, how } = walk
      const request = { filter: writeFilter(asked, how), orderBy: clausesOf(order), maxResults }
      const found = await walkPages(db, entity, request, build, (page) => deleteAll(db, entity, page))
      return isSame(found, findInMemory(entity, models, asked, order))
    }),
  )
}

function clausesOf(order: AskedOrder[]): string[] {
  return order.map(({ field, isDescending }) => (isDescending ? `${field} DESC` : field))
}

async function deleteAll(db: Kysely<Database>, entity: Entity, page: string[]): Promise<void> {
  for (const row of page) {
    const [name = '', version] = row.split('/')
    const model = db.selectFrom('registered_model').select('id').where('name', '=', name)
    if (entity === 'models')
      await db
        .updateTable('every_registered_model')
        .set({ deleted_at: new Date() })
        .where('id', '=', model)
        .execute()
    else
      await db
        .updateTable('every_model_version')
        .set({ deleted_at: new Date() })
        .where('model_id', '=', model)
        .where('version', '=', Number(version))
        .execute()
  }
}

// A text reaches from one value that is bound to the next.
const replacing = (from: string | RegExp, to: string): Build => ({
  text: (text) => text.replaceAll(from, to),
})

const brokenFilters: Record<string, Build> = {
  'takes a backslash for an escape character': replacing(" escape ''", ''),
  'minds the case in ILIKE': replacing(' ilike ', ' like '),
  'does not mind the case in LIKE': replacing(' like ', ' ilike '),
  'takes unequal for equal': replacing(' <> ', ' = '),
  'takes all that is greater for equal': replacing(
    /(?<=(m\.name|v\.source|v\.run_id|t\.value)) = $/g,
    ' >= ',
  ),
  'lets a missing tag be unequal to all': replacing(
    'exists (\n      select 1 from ',
    'true or exists (select 1 from ',
  ),
  'takes what is not in a list for what is': replacing(' <> all(', ' = any('),
  'looks for prompts alone': replacing('not exists (select 1 from', 'exists (select 1 from'),
  'leaves no prompt out': replacing('not exists (select 1 from', 'true or exists (select 1 from'),
  'sees what is deleted': replacing(/from (registered_model m|model_version v)/g, 'from every_$1'),
  'reads a filter in small letters': {
    request: (request) => ({ ...request, filter: request.filter?.toLowerCase() }),
  },
  'reads nothing after the first AND': {
    request: (request) => ({ ...request, filter: request.filter?.split(/\sand\s/i)[0] }),
  },
}

const brokenFiltersOfVersions: Record<string, Build> = {
  ...brokenFilters,
  'knows no empty run': replacing("coalesce(v.run_id, '')", 'v.run_id'),
  'takes all other numbers for unequal ones': replacing('not between', 'between'),
  'finds prompts by their version': replacing(
    'where t.model_id = v.model_id',
    'where t.version = v.version and t.model_id = v.model_id',
  ),
  'looks for another model': replacing(
    '(select id from registered_model where name = ',
    '(select max(id) from registered_model where name >= ',
  ),
}

const brokenPages: Record<string, Build> = {
  'orders names without their case': replacing('m.name collate "C"', 'lower(m.name) collate "C"'),
  'orders upwards only': {
    text: (text) => text.replace(/order by [^()]*$/, (order) => order.replaceAll('desc', 'asc')),
  },
  'gives the last row of a page again': {
    text: (text) => text.replace('false', 'true').replace(/(?<=[<>]) \($/, '= ('),
  },
  'forgets the microseconds of the last row': replacing('SS.US"Z"', 'SS.MS"000Z"'),
  'forgets where it was': { request: ({ pageToken: _, ...request }) => request },
}

const properties = [
  {
    rule: 'a filter finds the models that it should',
    run: filtersAgree,
    entity: 'models',
    broken: brokenFilters,
  },
  {
    rule: 'a filter finds the versions that it should',
    run: filtersAgree,
    entity: 'versions',
    broken: brokenFiltersOfVersions,
  },
  {
    rule: 'pages of models come in their order, each row once',
    run: pagesAgree,
    entity: 'models',
    broken: brokenPages,
  },
  {
    rule: 'pages of versions come in their order, each row once',
    run: pagesAgree,
    entity: 'versions',
    broken: brokenPages,
  },
  {
    rule: 'no model moves to another page when one before it is deleted',
    run: pagesStandStill,
    entity: 'models',
    broken: { 'counts rows instead of naming the last': { pagesByCount: true } },
  },
  {
    rule: 'no version moves to another page when one before it is deleted',
    run: pagesStandStill,
    entity: 'versions',
    broken: { 'counts rows instead of naming the last': { pagesByCount: true } },
  },
] satisfies {
  rule: string
  run: (entity: Entity, build: Build) => Promise<string | null>
  entity: Entity
  broken: Record<string, Build>
}[]

describe.each(properties)('$rule', ({ run, entity, broken }) => {
  test('in the real search', async () => {
    expect(await run(entity, {})).toBeNull()
  })

  test.each(Object.entries(broken))('and not in one that %s', async (_, build: Build) => {
    expect(await run(entity, build)).not.toBeNull()
  })
})
