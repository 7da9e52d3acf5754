import { afterEach, expect, test, vi } from 'vitest'
import { Interruption, watchInterruptions } from '../../cli/interrupt.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const before = SIGNALS.map((name) => process.listeners(name))

afterEach(() => {
  SIGNALS.forEach((name, index) => {
    for (const listener of process.listeners(name)) {
      if (!before[index]!.includes(listener)) process.removeListener(name, listener)
    }
  })
  vi.restoreAllMocks()
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('the first %s asks, the second does not', (name, status) => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as unknown as typeof process.exit)
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const others = before[SIGNALS.indexOf(name)]!
  const signal = watchInterruptions()
  const [added] = process.listeners(name).filter((listener) => !others.includes(listener))
  expect(signal.aborted).toBe(false)
  added!(name)
  expect(signal.aborted).toBe(true)
  expect(signal.reason).toBeInstanceOf(Interruption)
  expect(signal.reason).toMatchObject({ exitStatus: status })
  expect(exit).not.toHaveBeenCalled()
  added!(name)
  expect(exit).toHaveBeenCalledWith(status)
})
