/** Counted waits for a lock: SQLite's own timeout would hide them. */
export interface Waits {
  retries: number
  ms: number
  longest: number
}

export function noWaits(): Waits {
  return { retries: 0, ms: 0, longest: 0 }
}

const cell = new Int32Array(new SharedArrayBuffer(4))

export function retrying<T>(waits: Waits, act: () => T): T {
  let began = 0
  for (;;) {
    try {
      const result = act()
      if (began > 0) {
        const waited = performance.now() - began
        waits.ms += waited
        waits.longest = Math.max(waits.longest, waited)
      }
      return result
    } catch (error) {
      const code = (error as { code?: unknown }).code
      if (typeof code !== 'string' || !code.startsWith('SQLITE_BUSY')) throw error
      if (began === 0) began = performance.now()
      waits.retries++
      Atomics.wait(cell, 0, 0, 1)
    }
  }
}
