/** Time, injected so that simulations can drive it. */
export interface Clock {
  /** Milliseconds since the epoch. May leap; nothing durable relies on it moving forward. */
  nowMs(): number
  /** Minutes east of UTC at `timeMs`, as people at this machine count it. */
  zoneMinutes(timeMs: number): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  zoneMinutes: (timeMs) => 0 - new Date(timeMs).getTimezoneOffset(),
}
