/** What gc will do with something, in words. */
import type { Fate, Keeper, UnreadableObject } from '../src/index.js'
import type { Context } from './context.js'
import { counted, plainLine, plainText, shortId, sizeText, timeText } from './text.js'

const KEEPERS_SHOWN = 8

/** `branch main`, `HEAD of /srv/site`, `reflog of main, until 2027-02-03` */
export function keeperText({ kind, name, untilMs }: Keeper): string {
  if (kind === 'head') return `HEAD of ${plainLine(name)}`
  if (kind === 'replacement') return `replacement of ${shortId(name)}`
  if (kind !== 'reflog') return `${kind} ${plainLine(name)}`
  return `reflog of ${plainLine(name)}${untilMs === undefined ? '' : `, until ${dayText(untilMs)}`}`
}

/** One for each, and one for each lease that holds it. */
export function fateLines(context: Context, fates: readonly Fate[]): string[] {
  return fates.flatMap((fate) => {
    // Where all is alike, how much it is was said.
    const what = fates.length === 1 ? '' : `${counted(fate.chunks, 'chunk')}, ${sizeText(fate.bytes)}: `
    return [`${what}${fateText(context, fate)}`, ...holderLines(fate)]
  })
}

function fateText({ colors }: Context, { state, keptBy, condemnedMs, freeMs }: Fate): string {
  const back = freeMs === undefined ? '' : `space back on ${dayText(freeMs)}, earliest`
  switch (state) {
    case 'kept': {
      const shown = keptBy.slice(0, KEEPERS_SHOWN).map(keeperText)
      const more = keptBy.length > shown.length ? ` and ${counted(keptBy.length - shown.length, 'more', 'more')}` : ''
      return `${colors.green('kept')}, because of ${shown.join(', ')}${more}${back === '' ? '' : `; ${back}`}`
    }
    case 'condemned':
      return `${colors.red('condemned')}${condemnedMs === undefined ? '' : ` since ${dayText(condemnedMs)}`}; ${back}`
    case 'unneeded':
      return `${colors.red('needed by nothing')}, and not condemned yet; ${back}, if gc runs now`
  }
}

function holderLines({ heldBy }: Fate): string[] {
  return heldBy.map(({ pid, host, kind, startedMs }) => {
    return `  and not before a lease ends: a ${kind}, process ${pid} on ${plainLine(host)}, since ${dayText(startedMs)}`
  })
}

/** What could not be looked at. */
export async function sayUnreadable(context: Context, unreadable: readonly UnreadableObject[]): Promise<void> {
  for (const { kind, id, code, message } of unreadable) {
    const name = id === undefined ? kind : `${kind} ${shortId(id)}`
    await context.warn(`could not look at ${name}: ${code}: ${plainText(message)}`)
  }
}

/** The local day. */
function dayText(timeMs: number): string {
  return timeText(timeMs, 0 - new Date(timeMs).getTimezoneOffset()).slice(0, 10)
}
