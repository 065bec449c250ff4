import type { Told } from './happenings.ts'

/** The body of a delivery: MLflow's envelope, as Python would write it. `at` is when it happened. *Pure.* */
export function bodyOf({ entity, action, data }: Told, at: Date): string {
  // Python has microseconds, and an offset where JavaScript writes Z.
  const timestamp = at.toISOString().replace('Z', '000+00:00')
  return pythonJson({ entity, action, timestamp, data })
}

/** JSON as Python's `json.dumps` writes it: a space after each comma and colon, and ASCII alone. *Pure.* */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, member]) => `${pythonJson(key)}: ${pythonJson(member)}`)
    return `{${members.join(', ')}}`
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
