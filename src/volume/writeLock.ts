/**
 * Waiting for the write lock of a file: in short steps, all of one length.
 *
 * SQLite's own waiting sleeps longer and longer, up to a tenth of a second. Small commits hold the lock for a few milliseconds, and a
 * writer that is at it takes it again soon: who sleeps that long finds it free by chance alone, and may wait for seconds while others
 * go by.
 */

/** Long enough to cost next to nothing, and shorter than what most transactions take. */
const STEP_MS = 1

/** The time by which is waited; injected for tests. */
export interface WaitingTime {
  nowMs(): number
  /** Nothing else happens in this thread meanwhile: as with SQLite's own waiting. */
  pause(ms: number): void
}

const asleep = new Int32Array(new SharedArrayBuffer(4))

const realTime: WaitingTime = {
  nowMs: () => performance.now(),
  pause: (ms) => void Atomics.wait(asleep, 0, 0, ms),
}

/**
 * Calls `attempt` until it gets the lock, or fails otherwise; for so long at most, and once at least.
 * @param attempt gives back what it failed with where somebody else has the lock: that is thrown when the time is over
 */
export function waitForLock<T>(
  attempt: () => { readonly value: T } | { readonly busy: unknown },
  timeoutMs: number,
  time: WaitingTime = realTime,
): T {
  const endMs = time.nowMs() + timeoutMs
  for (;;) {
    const outcome = attempt()
    if ('value' in outcome) return outcome.value
    const leftMs = endMs - time.nowMs()
    if (leftMs <= 0) throw outcome.busy
    time.pause(Math.min(leftMs, STEP_MS))
  }
}
