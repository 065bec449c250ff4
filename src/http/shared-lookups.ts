/**
 * Has calls for the same key that come while one is under way share the next one, which starts when that one ends. So
 * each is answered with what was looked up after it came, as if it had looked itself, and one key never has two
 * lookups under way.
 */
export function shareLookups<V>(look: (key: string) => Promise<V>): (key: string) => Promise<V> {
  type Round = { current: Promise<V>; next: Promise<V> | null }
  const rounds = new Map<string, Round>()
  const start = (key: string): Promise<V> => {
    const round: Round = { current: look(key), next: null }
    rounds.set(key, round)
    const end = () => void (round.next === null && rounds.delete(key))
    round.current.then(end, end)
    return round.current
  }
  return (key) => {
    const round = rounds.get(key)
    if (round === undefined) return start(key)
    const startNext = () => start(key)
    round.next ??= round.current.then(startNext, startNext)
    return round.next
  }
}
