/**
 * Ctrl-C and its like. The first one asks: the running operation is aborted, cleans up and rejects with `CANCELLED`.
 * The second one does not wait: a store survives that as it survives a power cut.
 */

/** Why the signal given to an operation was aborted, and the status the process then ends with. */
export class Interruption extends Error {
  override readonly name = 'Interruption'
  readonly exitStatus: number

  constructor(signalName: NodeJS.Signals, exitStatus: number) {
    super(`interrupted by ${signalName}`)
    this.exitStatus = exitStatus
  }
}

/** Shells report a process that died of signal n as 128 + n. */
const STATUS_BY_SIGNAL = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

export function watchInterruptions(): AbortSignal {
  const controller = new AbortController()
  for (const [name, status] of Object.entries(STATUS_BY_SIGNAL) as [keyof typeof STATUS_BY_SIGNAL, number][]) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(status)
      if (process.stderr.isTTY) process.stderr.write('\nstopping; press Ctrl-C again to stop at once\n')
      controller.abort(new Interruption(name, status))
    })
  }
  return controller.signal
}
