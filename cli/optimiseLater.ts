/**
 * When V8 begins to optimise a function: later than it would by itself.
 *
 * V8 reckons with programs that run for long. In a command of half a second it spends a fifth of all processor time on
 * optimising functions that are nearly done, in threads that take it from those that compress. Ten times as much has to be run
 * in a function before it does so here; commands that take longer do not notice.
 */

/** In bytes of bytecode; V8's own figure is 67,584. */
const BYTES_BEFORE_OPTIMISING = 1_000_000
/**
 * Of Node.js 20. Later ones have another compiler in between, which was not measured, and V8 writes a complaint about a flag
 * that it does not know.
 */
const V8_LINE = '11.'

export function optimiseLater(v8Version: string, setFlag: (flag: string) => void): void {
  if (v8Version.startsWith(V8_LINE)) setFlag(`--interrupt-budget=${BYTES_BEFORE_OPTIMISING}`)
}
