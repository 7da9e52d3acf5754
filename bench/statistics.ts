/** What is said of repeated runs: the median, and the smallest and largest beside it. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: number
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  if (upper === undefined) throw new RangeError('a median of nothing')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values), runs: values.length }
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

/** Of what is known; undefined when nothing is. */
export function largestOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

/** Round by round, because neighbours in time met the same machine; then the median of those ratios. */
export function ratioOf(numerators: readonly number[], denominators: readonly number[]): Spread | undefined {
  const ratios = numerators.flatMap((value, round) => {
    const other = denominators[round]
    return other === undefined || other <= 0 ? [] : [value / other]
  })
  return ratios.length === 0 ? undefined : spreadOf(ratios)
}
