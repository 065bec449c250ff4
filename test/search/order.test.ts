import { describe, expect, test } from 'vitest'
import { parseOrder } from '../../src/search/order.ts'
import { SearchSyntaxError } from '../../src/search/syntax-error.ts'
import {
  modelVocabulary,
  type SortKey,
  type Vocabulary,
  versionVocabulary,
} from '../../src/search/vocabulary.ts'

/** An order in short: a minus before what is descending. */
function shown(order: SortKey[]): string {
  return order.map(({ field, descending }) => `${descending ? '-' : ''}${field}`).join(' ')
}

function refusalOf(clauses: string[], vocabulary: Vocabulary): string {
  try {
    parseOrder(clauses, vocabulary)
  } catch (error) {
    expect(error).toBeInstanceOf(SearchSyntaxError)
    return (error as Error).message
  }
  throw new Error(`was not refused: ${clauses}`)
}

describe('the order of models', () => {
  test.each([
    [[], 'name'],
    [['name'], 'name'],
    [['name DESC'], '-name'],
    [['name   desc'], '-name'],
    [['name\tAsC'], 'name'],
    [['timestamp'], 'last_updated_timestamp name'],
    [['last_updated_timestamp DESC'], '-last_updated_timestamp name'],
    [['timestamp ASC', 'name DESC'], 'last_updated_timestamp -name'],
  ])('%j is %s', (clauses, order) => {
    expect(shown(parseOrder(clauses, modelVocabulary))).toBe(order)
  })

  const keys = "Valid keys are '{'name', 'timestamp'}'"
  test.each([
    [['Name'], `Invalid order by key 'Name' specified. ${keys}`],
    [['creation_timestamp'], `Invalid order by key 'creation_timestamp' specified. ${keys}`],
    [['attribute.name'], `Invalid order by key 'attribute.name' specified. ${keys}`],
    [['`name`'], `Invalid order by key '\`name\`' specified. ${keys}`],
    [['tags.a'], `Invalid order by key 'tags.a' specified. ${keys}`],
    [['constructor'], `Invalid order by key 'constructor' specified. ${keys}`],
    [['name FOO'], "Invalid ordering key in order_by clause 'name FOO'."],
    [[''], "Invalid order_by clause ''. Could not be parsed."],
    [[' name'], "Invalid order_by clause ' name'. Could not be parsed."],
    [['name '], "Invalid order_by clause 'name '. Could not be parsed."],
    [['name ASC DESC'], "Invalid order_by clause 'name ASC DESC'. Could not be parsed."],
    [['name, timestamp'], "Invalid order_by clause 'name, timestamp'. Could not be parsed."],
    [['name; DROP'], "Invalid order_by clause 'name; DROP'. Could not be parsed."],
    [["name'"], "Invalid order_by clause 'name''. Could not be parsed."],
    [['a'.repeat(1_000_000)], `Invalid order_by clause '${'a'.repeat(200)}'. Could not be parsed.`],
    [['name', 'name DESC'], "`order_by` contains duplicate fields: ['name', 'name DESC']"],
    [
      ['timestamp', 'last_updated_timestamp'],
      "`order_by` contains duplicate fields: ['timestamp', 'last_updated_timestamp']",
    ],
  ])('%j is refused (R28)', (clauses, message) => {
    expect(refusalOf(clauses, modelVocabulary)).toBe(message)
  })
})

describe('the order of versions', () => {
  test.each([
    [[], '-last_updated_timestamp name -version_number'],
    [['name'], 'name -version_number'],
    [['version_number'], 'version_number name'],
    [['version_number ASC', 'name DESC'], 'version_number -name'],
    [['creation_timestamp'], 'creation_timestamp name -version_number'],
    [['attribute.last_updated_timestamp'], 'last_updated_timestamp name -version_number'],
    [['attribute.`version_number` DESC'], '-version_number name'],
  ])('%j is %s', (clauses, order) => {
    expect(shown(parseOrder(clauses, versionVocabulary))).toBe(order)
  })

  const keys = "{'name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'}"
  test.each([
    [['version'], `Invalid attribute key 'version' specified. Valid keys are '${keys}'`],
    [['timestamp'], `Invalid attribute key 'timestamp' specified. Valid keys are '${keys}'`],
    [['run_id'], `Invalid attribute key 'run_id' specified. Valid keys are '${keys}'`],
    [['tags.x'], `Invalid order by key 'x' specified. Valid keys are ${keys}`],
    [
      ['attributes.name'],
      "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')",
    ],
    [['attribute.name', 'name'], "`order_by` contains duplicate fields: ['attribute.name', 'name']"],
  ])('%j is refused (R28)', (clauses, message) => {
    expect(refusalOf(clauses, versionVocabulary)).toBe(message)
  })
})
