/**
 * Who goes on when: of all actors one is at work at a time, until it comes to a point where another could come in between.
 * There it waits for its turn, which chance gives. A seed gives the same turns again.
 */
import { setImmediate as settled } from 'node:timers/promises'
import type { Chance } from '../crash/support/chance.js'

/** What an actor is to the order of turns. */
export interface Turning {
  readonly name: string
  /** Will never go on: its process was killed. */
  isDead: boolean
  /** Paused until so many turns were given. */
  asleepUntil: number
}

interface Ticket {
  readonly actor: Turning
  readonly point: string
  /** What another actor may do in its place, synchronously, just before it goes on. */
  readonly early: (() => void) | undefined
  go(): void
}

/** How turns are given: to any; to the same one mostly; to the one that is first until all are mixed again. */
const WAYS = ['any', 'bursts', 'priorities'] as const

export class Turns {
  readonly trace: string[] = []
  readonly #chance: Chance
  readonly #way: (typeof WAYS)[number]
  readonly #priorities = new Map<Turning, number>()
  #tickets: Ticket[] = []
  #last: Turning | undefined
  #given = 0
  #isOver = false

  constructor(chance: Chance) {
    this.#chance = chance
    this.#way = chance.pick(WAYS)
  }

  get given(): number {
    return this.#given
  }

  /** Waits for a turn. Of one that was killed, for ever. */
  wait(actor: Turning, point: string, early?: () => void): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    return new Promise((resolve) => {
      if (!actor.isDead) this.#tickets.push({ actor, point, early, go: resolve })
    })
  }

  /** Something that another actor was about to do alone, in one transaction; if there is one. */
  takeEarly(except: Turning): (() => void) | undefined {
    const able = this.#tickets.filter(({ actor, early }) => early && actor !== except && !actor.isDead)
    if (able.length === 0) return undefined
    const { early, actor, point } = this.#chance.pick(able)
    return () => {
      this.note(actor, `${point}, in between`)
      early?.()
    }
  }

  note(actor: Turning, what: string): void {
    this.trace.push(`${this.#given} ${actor.name}: ${what}`)
  }

  kill(actor: Turning): void {
    actor.isDead = true
    this.#tickets = this.#tickets.filter((ticket) => ticket.actor !== actor)
    this.note(actor, 'is killed')
  }

  /** Gives turns until nobody waits, or `isOver`. @param before each turn */
  async giveAll(isOver: () => boolean, before: () => void): Promise<void> {
    for (await settled(); this.#tickets.length > 0 && !isOver(); await settled()) {
      before()
      const ticket = this.#next()
      if (!ticket) continue
      this.#tickets.splice(this.#tickets.indexOf(ticket), 1)
      this.#given++
      this.#last = ticket.actor
      this.note(ticket.actor, ticket.point)
      ticket.go()
    }
    this.#isOver = true
  }

  #next(): Ticket | undefined {
    const awake = this.#tickets.filter(({ actor }) => actor.asleepUntil <= this.#given)
    const able = awake.length > 0 ? awake : this.#tickets
    if (able.length === 0) return undefined
    const chance = this.#chance
    if (this.#way === 'bursts' && chance.next() < 0.85) {
      return able.find(({ actor }) => actor === this.#last) ?? chance.pick(able)
    }
    if (this.#way !== 'priorities') return chance.pick(able)
    if (chance.next() < 0.05) this.#priorities.clear()
    const order = (actor: Turning): number => {
      const known = this.#priorities.get(actor) ?? chance.next()
      this.#priorities.set(actor, known)
      return known
    }
    return able.reduce((first, ticket) => (order(ticket.actor) > order(first.actor) ? ticket : first))
  }
}
