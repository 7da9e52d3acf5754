/**
 * The work of a program that keeps versions of documents: 200 documents of 20 KB in ten folders, then 500 edits of one
 * line, each a commit. The same for every contender and every run.
 */
export const DOCUMENTS = 200
export const DOCUMENT_BYTES = 20_000
export const EDITS = 500
/** How many versions one document is read back from, the newest first. */
export const VERSIONS_READ = 200

const FOLDERS = 10
const WORDS_PER_LINE = 10
/** Prime to the number of documents, so that edits wander over all of them. */
const DOCUMENT_STRIDE = 37

const SYLLABLES = ['ba', 'ce', 'di', 'fo', 'gu', 'ka', 'le', 'mi', 'no', 'pu', 'ra', 'se', 'ti', 'vo', 'zu']

/** What a contender does. `open` and `close` are not part of what is timed. */
export interface DocumentStore {
  /** One commit of documents, new or changed, durable if the contender can make it so. @returns Its id. */
  commit(documents: ReadonlyMap<string, string>, message: string): Promise<string>
  /** The newest commits, with their messages. @returns How many there were. */
  log(limit: number): Promise<number>
  read(commit: string, path: string): Promise<string>
  /** Makes durable what was committed and is not yet: part of the time that the edits take. */
  sync?(): Promise<void>
  close(): Promise<void>
}

export interface Contender {
  readonly name: string
  /** How it is used, for the report. */
  readonly method: string
  /** @param folder - Empty the first time; later with what is there. */
  open(folder: string): Promise<DocumentStore>
}

export class Workload {
  readonly documents = new Map<string, string>()
  private readonly paths: readonly string[]
  private state = 42

  constructor() {
    for (let index = 0; index < DOCUMENTS; index++) {
      const path = `folder-${index % FOLDERS}/document-${String(index).padStart(3, '0')}.txt`
      const lines: string[] = []
      for (let bytes = 0; bytes < DOCUMENT_BYTES; ) {
        const line = this.line()
        lines.push(line)
        bytes += line.length + 1
      }
      this.documents.set(path, `${lines.join('\n')}\n`.slice(0, DOCUMENT_BYTES))
    }
    this.paths = [...this.documents.keys()]
  }

  /** Which document edit number `edit` changes. */
  pathOf(edit: number): string {
    return this.paths[(edit * DOCUMENT_STRIDE) % this.paths.length] ?? ''
  }

  /** Puts another line in place of one. @returns The document as it is then. */
  edit(edit: number): Map<string, string> {
    const path = this.pathOf(edit)
    const lines = (this.documents.get(path) ?? '').split('\n')
    lines[this.random(lines.length - 1)] = this.line()
    const text = lines.join('\n')
    this.documents.set(path, text)
    return new Map([[path, text]])
  }

  private line(): string {
    return Array.from({ length: WORDS_PER_LINE }, () => this.word()).join(' ')
  }

  private word(): string {
    return Array.from({ length: 2 + this.random(3) }, () => SYLLABLES[this.random(SYLLABLES.length)]).join('')
  }

  /** A linear congruential generator: repeatable, and good enough to make text. */
  private random(below: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.state / 2 ** 32) * below)
  }
}
