import { describe, expect, test } from 'vitest'
import { type Filter, parseFilter, pinnedName } from '../../src/search/filter.ts'
import { SearchSyntaxError } from '../../src/search/syntax-error.ts'
import { modelVocabulary, versionVocabulary } from '../../src/search/vocabulary.ts'

const ofModels = (filter: string) => parseFilter(filter, modelVocabulary)
const ofVersions = (filter: string) => parseFilter(filter, versionVocabulary)
const prompt = '`mlflow.prompt.is_prompt`'
const badList = 'While parsing a list in the query, expected'
const unquoted = 'Parameter value is either not quoted or unidentified quote types used for string value'

/** What is said of the filter that is refused. */
function refusalOf(parse: (filter: string) => Filter, filter: string): string {
  try {
    parse(filter)
  } catch (error) {
    expect(error).toBeInstanceOf(SearchSyntaxError)
    return (error as Error).message
  }
  throw new Error(`was not refused: ${filter}`)
}

const text = (attribute: string, comparator: string, value: string) => ({
  kind: 'text',
  attribute,
  comparator,
  value,
})
const tag = (key: string, comparator: string, value: string) => ({ kind: 'tag', key, comparator, value })
const list = (attribute: string, comparator: string, values: string[]) => ({
  kind: 'list',
  attribute,
  comparator,
  values,
})
const number = (comparator: string, value: number) => ({
  kind: 'number',
  attribute: 'version_number',
  comparator,
  value,
})

describe('a filter for models', () => {
  test.each([
    ['', []],
    ["name = 'm'", [text('name', '=', 'm')]],
    ["name='m'", [text('name', '=', 'm')]],
    ['name = "m"', [text('name', '=', 'm')]],
    ["attribute.name != 'm'", [text('name', '!=', 'm')]],
    ["name LIKE 'm%'", [text('name', 'LIKE', 'm%')]],
    ["name like 'm%'", [text('name', 'LIKE', 'm%')]],
    ["name iLike'%M_'", [text('name', 'ILIKE', '%M_')]],
    ["name = ''", [text('name', '=', '')]],
    ["name = 'a AND b'", [text('name', '=', 'a AND b')]],
    ['name = "it\'s"', [text('name', '=', "it's")]],
    ["name = 'it''s'", [text('name', '=', "it''s")]],
    ["name = 'a\\'", [text('name', '=', 'a\\')]],
    ["name = '😀\n\t'", [text('name', '=', '😀\n\t')]],
    ["tags.k = 'v'", [tag('k', '=', 'v')]],
    ["tag.k = 'v'", [tag('k', '=', 'v')]],
    ["tags.a.b = 'v'", [tag('a.b', '=', 'v')]],
    ["tags.`a b/c:d-e` = 'v'", [tag('a b/c:d-e', '=', 'v')]],
    ['tags."a b" = \'v\'', [tag('a b', '=', 'v')]],
    ["tags.'a b' = 'v'", [tag('a b', '=', 'v')]],
    ['tags.`a=b\'c` ILIKE "v"', [tag("a=b'c", 'ILIKE', 'v')]],
    ["tags.__proto__ = 'v'", [tag('__proto__', '=', 'v')]],
    ["tags.é1 = 'v'", [tag('é1', '=', 'v')]],
    ["tags. = 'v'", [tag('', '=', 'v')]],
    ["name = 'a' AND tags.k != 'b'", [text('name', '=', 'a'), tag('k', '!=', 'b')]],
    ["name = 'a'and\n\ttags.k != 'b'", [text('name', '=', 'a'), tag('k', '!=', 'b')]],
    ["AND name = 'a' AND And name = 'b' aNd", [text('name', '=', 'a'), text('name', '=', 'b')]],
    ["name = 'a' name = 'b'", [text('name', '=', 'a'), text('name', '=', 'b')]],
  ])('%s is understood', (filter, conditions) => {
    expect(ofModels(filter)).toEqual({ conditions, prompts: 'leftOut' })
  })

  test.each([
    ['  ', "Invalid filter '  '. Could not be parsed."],
    ["name = 'a' OR name = 'b'", 'Invalid clause(s) in filter string: OR'],
    ["NOT name = 'a'", 'Invalid clause(s) in filter string: NOT'],
    ["name = 'a' AND NOT name = 'b'", 'Invalid clause(s) in filter string: NOT'],
    ["(name = 'a')", 'Invalid clause(s) in filter string: (, )'],
    ["name = 'a';", 'Invalid clause(s) in filter string: ;'],
    ["name = 'a'; drop", 'Invalid clause(s) in filter string: ;, drop'],
    ["name = 'a' -- c", 'Invalid clause(s) in filter string: --, c'],
    ['name', 'Invalid clause(s) in filter string: name'],
    ['name =', 'Invalid clause(s) in filter string: name, ='],
    ["= 'a'", "Invalid clause(s) in filter string: =, 'a'"],
    ['5', 'Invalid clause(s) in filter string: 5'],
    ["name = 'm1", "Invalid clause(s) in filter string: name, =, ', m1"],
    ["name = 'a' 'b'", "Invalid clause(s) in filter string: 'b'"],
    ["tags.k k = 'a'", 'Invalid clause(s) in filter string: tags.k'],
    ["tags.`a`b = 'x'", 'Invalid clause(s) in filter string: tags.`a`'],
    ['tags.k IS NULL', 'Invalid clause(s) in filter string: tags.k, IS, NULL'],
    ["name BETWEEN 'a' AND 'b'", "Invalid clause(s) in filter string: name, BETWEEN, 'a', 'b'"],
    ["description = 'a'", "Invalid attribute key 'description' specified. Valid keys are '{'name'}'"],
    ["run_id = 'a'", "Invalid attribute key 'run_id' specified. Valid keys are '{'name'}'"],
    ["NAME = 'a'", "Invalid attribute key 'NAME' specified. Valid keys are '{'name'}'"],
    ["`name` = 'a'", "Invalid attribute key '`name`' specified. Valid keys are '{'name'}'"],
    ['"name" = \'a\'', "Invalid attribute key '\"name\"' specified. Valid keys are '{'name'}'"],
    ["attribute. = 'a'", "Invalid attribute key '' specified. Valid keys are '{'name'}'"],
    ["alias = 'a'", "Invalid attribute key 'alias' specified. Valid keys are '{'name'}'"],
    [
      "attributes.name = 'a'",
      "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')",
    ],
    ["Tags.k = 'a'", "Invalid entity type 'Tags'. Valid entity types are ('attribute', 'tag', 'tags')"],
    ["`tags`.k = 'a'", "Invalid entity type '`tags`'. Valid entity types are ('attribute', 'tag', 'tags')"],
    ["'a' = name", "Invalid comparison clause. Expected 'Identifier' found ''a''"],
    ["1 = 'a'", "Invalid comparison clause. Expected 'Identifier' found '1'"],
    ["tags.a-b = 'x'", "Invalid comparison clause. Expected 'Identifier' found 'tags.a-b'"],
    ["tags.a/b = 'x'", "Invalid comparison clause. Expected 'Identifier' found 'tags.a/b'"],
    ["name > 'a'", 'Invalid comparator for attribute: >'],
    ["name == 'a'", 'Invalid comparator for attribute: =='],
    ["name <> 'a'", 'Invalid comparator for attribute: <>'],
    ["name rlike 'a'", 'Invalid comparator for attribute: RLIKE'],
    ["name not like 'a'", 'Invalid comparator for attribute: NOT LIKE'],
    ["tags.k >= 'a'", 'Invalid comparator for tag: >='],
    ["name = ('a')", 'Invalid comparator for attribute: ='],
    ["name LIKE ('a')", 'Invalid comparator for attribute: LIKE'],
    [
      'name IN (5)',
      `${badList} string value, punctuation, or whitespace, but got different type in list: (5)`,
    ],
    ["name IN 'a'", "Invalid clause(s) in filter string: name, IN, 'a'"],
    ["tags.k IN ('x')", "Expected a quoted string value for tag (e.g. 'my-value'). Got value ('x')"],
    ['tags.k = 5', "Expected a quoted string value for tag (e.g. 'my-value'). Got value 5"],
    [
      'name = 5.5',
      'Expected a quoted string value or a list of quoted string values for attributes. Got value 5.5',
    ],
    ['name = s1', `${unquoted} s1. Use either single or double quotes.`],
    ['name = `s1`', `${unquoted} \`s1\`. Use either single or double quotes.`],
    ['tags.k = true', `${unquoted} true. Use either single or double quotes.`],
    ["name = 'a\0'", 'Invalid filter. It must not contain NUL or half of a surrogate pair.'],
    ["name = '\ud800'", 'Invalid filter. It must not contain NUL or half of a surrogate pair.'],
  ])('%s is refused in the words of MLflow', (filter, message) => {
    expect(refusalOf(ofModels, filter)).toBe(message)
  })
})

describe('a filter for versions', () => {
  test.each([
    ["run_id = 'a'", [text('run_id', '=', 'a')]],
    ["source_path LIKE 's3:%'", [text('source_path', 'LIKE', 's3:%')]],
    ["run_id IN ('a')", [list('run_id', 'IN', ['a'])]],
    ["run_id in('A',\"b\", 'c,)' ,)", [list('run_id', 'IN', ['A', 'b', 'c,)'])]],
    ["run_id not in ('a')", [list('run_id', 'NOT IN', ['a'])]],
    ["name IN ('a', 'b')", [list('name', 'IN', ['a', 'b'])]],
    ['version_number = 2', [number('=', 2)]],
    ["version_number = '2'", [number('=', 2)]],
    ['version_number = "2"', [number('=', 2)]],
    ['attribute.version_number>=1.5', [number('>=', 1.5)]],
    ['version_number < 1e3', [number('<', 1_000)]],
    ['version_number > .5', [number('>', 0.5)]],
    ['version_number != 1.', [number('!=', 1)]],
    ['version_number > -1', [number('>', -1)]],
    ["version_number > ' +12 '", [number('>', 12)]],
    ['version_number<=-1.5E-2', [number('<=', -0.015)]],
    [`version_number < ${'9'.repeat(400)}`, [number('<', 2 ** 31)]],
    [`version_number > -${'9'.repeat(400)}`, [number('>', -(2 ** 31))]],
    ['version_number > 1e400', [number('>', 2 ** 31)]],
    [
      "name = 'a' AND version_number > 1 AND version_number < 3",
      [text('name', '=', 'a'), number('>', 1), number('<', 3)],
    ],
  ])('%s is understood', (filter, conditions) => {
    expect(ofVersions(filter)).toEqual({ conditions, prompts: 'leftOut' })
  })

  const keys = "'{'name', 'run_id', 'source_path', 'version_number'}'"
  test.each([
    ["stage = 'None'", `Invalid attribute key 'stage' specified. Valid keys are ${keys}`],
    ["current_stage = 'None'", `Invalid attribute key 'current_stage' specified. Valid keys are ${keys}`],
    [
      'last_updated_timestamp > 5',
      `Invalid attribute key 'last_updated_timestamp' specified. Valid keys are ${keys}`,
    ],
    ["run_id > 'a'", 'Invalid comparator for attribute: >'],
    ["run_id = ('a')", 'Invalid comparator for attribute: ='],
    ['run_id IN ()', `${badList} a non-empty list of string values, but got empty list`],
    [
      'run_id IN (5)',
      `${badList} string value, punctuation, or whitespace, but got different type in list: (5)`,
    ],
    [
      "run_id IN ('a', 5)",
      `${badList} string value, punctuation, or whitespace, but got different type in list: ('a', 5)`,
    ],
    ['run_id IN (a)', `${badList} a non-empty list of string values, but got ill-formed list.`],
    ["run_id IN ('a' 'b')", `${badList} a non-empty list of string values, but got ill-formed list.`],
    ["run_id IN (,'a')", `${badList} a non-empty list of string values, but got ill-formed list.`],
    ["run_id IN ('a',,'b')", `${badList} a non-empty list of string values, but got ill-formed list.`],
    ["run_id IN ('abc0'", "Invalid clause(s) in filter string: run_id, IN, (, 'abc0'"],
    ["run_id IN ('a', ('b'))", "Invalid clause(s) in filter string: run_id, IN, (, 'a', ,, (, 'b', ), )"],
    [
      "source_path IN ('a')",
      "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values.",
    ],
    [
      'version_number IN (1)',
      "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values.",
    ],
    ['run_id = 5', "Only the '{'version_number'}' attributes support comparison with numeric values."],
    ["version_number ILIKE 'a'", 'Invalid comparator for attribute version_number: ILIKE'],
    ["version_number LIKE '1'", 'Invalid comparator for attribute version_number: LIKE'],
    ['version_number <> 1', 'Invalid comparator for attribute version_number: <>'],
    ["version_number = 'abc'", "Invalid value for numeric attribute 'version_number': 'abc'"],
    ["version_number = ''", "Invalid value for numeric attribute 'version_number': ''"],
    ["version_number = '１２'", "Invalid value for numeric attribute 'version_number': '１２'"],
    ["version_number = '1_0'", "Invalid value for numeric attribute 'version_number': '1_0'"],
    ["version_number = '0x10'", "Invalid value for numeric attribute 'version_number': '0x10'"],
    ["version_number = 'Infinity'", "Invalid value for numeric attribute 'version_number': 'Infinity'"],
    ['version_number = 0x1', `${unquoted} 0x1. Use either single or double quotes.`],
    ['version_number = １', `${unquoted} １. Use either single or double quotes.`],
    ['version_number = 1 OR version_number = 2', 'Invalid clause(s) in filter string: OR'],
  ])('%s is refused', (filter, message) => {
    expect(refusalOf(ofVersions, filter)).toBe(message)
  })
})

describe('prompts', () => {
  const ordinary = { conditions: [], prompts: 'leftOut' }

  test.each([
    `tag.${prompt} != 'true'`,
    `tags.${prompt} = 'false'`,
    `tags.${prompt} = 'FALSE'`,
    `tags.${prompt} = 'else'`,
    `tags.${prompt} != 'else'`,
    `tags.${prompt} LIKE 'true'`,
    'tags.mlflow.prompt.is_prompt != "true"',
    `tag.${prompt} != 'true' AND tag.${prompt} = 'true'`,
  ])('%s asks nothing but that prompts be left out', (filter) => {
    expect(ofModels(filter)).toEqual(ordinary)
    expect(ofVersions(filter)).toEqual(ordinary)
  })

  test.each([
    [`tags.${prompt} = 'true'`, [tag('mlflow.prompt.is_prompt', '=', 'true')]],
    [`tags.${prompt} = 'True'`, [tag('mlflow.prompt.is_prompt', '=', 'True')]],
    [`tags.${prompt} != 'false'`, [tag('mlflow.prompt.is_prompt', '!=', 'false')]],
    [
      `tags.${prompt} = 'true' AND tags.${prompt} LIKE 'x'`,
      [tag('mlflow.prompt.is_prompt', '=', 'true'), tag('mlflow.prompt.is_prompt', 'LIKE', 'x')],
    ],
  ])('%s asks for prompts', (filter, conditions) => {
    expect(ofModels(filter)).toEqual({ conditions, prompts: 'askedFor' })
  })

  test('what the client puts behind every filter takes none of the conditions that a filter may have', () => {
    const twenty = Array.from({ length: 20 }, (_, index) => `tags.k${index} = 'a'`).join(' AND ')
    expect(ofModels(`${twenty} AND tag.${prompt} != 'true'`).conditions).toHaveLength(20)
  })
})

describe('limits (R26)', () => {
  test('a filter has at most 20 conditions', () => {
    const filter = Array.from({ length: 21 }, () => "name = 'a'").join(' AND ')
    expect(refusalOf(ofModels, filter)).toBe(
      'Invalid filter. It must have at most 20 conditions, but has 21.',
    )
  })

  test('a filter has at most 10000 characters', () => {
    const longest = `name = '${'a'.repeat(9_991)}'`
    expect(longest).toHaveLength(10_000)
    expect(ofModels(longest).conditions).toHaveLength(1)
    expect(refusalOf(ofModels, `${longest} `)).toBe(
      'Invalid filter. It must be at most 10000 characters long, but has 10001.',
    )
  })

  test('a list of a hundred runs fits, as the pages of MLflow ask for it', () => {
    const runs = Array.from({ length: 100 }, (_, index) => `${index}`.padStart(32, 'a'))
    const filter = `run_id IN (${runs.map((run) => `'${run}'`).join(', ')})`
    expect(ofVersions(filter).conditions).toEqual([list('run_id', 'IN', runs)])
  })
})

test.each([
  ["name = 'a'", 'a'],
  ["version_number > 1 AND name = 'a' AND name = 'b'", 'a'],
  ["name != 'a'", null],
  ["name LIKE 'a'", null],
  ["tags.name = 'a'", null],
  ["run_id = 'a'", null],
])('the name that %s leaves is %s', (filter, name) => {
  expect(pinnedName(ofVersions(filter))).toBe(name)
})
