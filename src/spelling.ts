/** A hint to be put behind a complaint about an unknown word: `; did you mean "…"?`, or nothing. *Pure.* */
export function hintFor(word: string, known: readonly string[]): string {
  const near = nearestOf(word, known)
  return near === null ? '' : `; did you mean "${near}"?`
}

/** The known word that was probably meant, or null when none is near. *Pure.* */
export function nearestOf(word: string, known: readonly string[]): string | null {
  let best: { word: string; edits: number } | null = null
  for (const candidate of known) {
    const limit = Math.min(3, Math.floor(Math.max(candidate.length, word.length, 3) / 3))
    // A difference in length is a lower bound; it also keeps absurdly long words cheap.
    if (Math.abs(candidate.length - word.length) > limit) continue
    const edits = countEdits(word.toLowerCase(), candidate.toLowerCase())
    if (edits <= limit && edits < (best?.edits ?? Number.POSITIVE_INFINITY)) best = { word: candidate, edits }
  }
  return best?.word ?? null
}

// Letters inserted, dropped or replaced, and neighbours swapped (optimal string alignment).
function countEdits(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = at(last, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1)
      const swapped =
        from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] ? at(beforeLast, j - 2) + 1 : replaced
      row.push(Math.min(replaced, swapped, at(last, j) + 1, at(row, j - 1) + 1))
    }
    beforeLast = last
    last = row
  }
  return at(last, to.length)
}

function at(row: number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
