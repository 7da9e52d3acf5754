/** Compiles and runs examples of documents and docstrings against the sources: `varve` is src/index.ts. */
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildFailure, build } from 'esbuild'
import ts from 'typescript'
import { OLDEST_NODE } from '../../cli/build/bundle.js'
import { COMPILED_PLAINLY } from '../frame/compiledPlainly.js'
import { makeBuildFolder } from '../support/builtCommand.js'

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
export const PUBLIC_ENTRY = join(PROJECT, 'src/index.ts')
const EXAMPLE_TIMEOUT_MS = 60_000

export interface Example {
  /** `README.md:12`, `Repository.create`: unique. */
  readonly name: string
  readonly code: string
}

/** The compiler's options of the project, for a program that is read and not written. */
export function projectOptions(): ts.CompilerOptions {
  const file = join(PROJECT, 'tsconfig.json')
  const config = ts.readConfigFile(file, ts.sys.readFile)
  return ts.parseJsonConfigFileContent(config.config, ts.sys, PROJECT, { noEmit: true }, file).options
}

export class CompiledExamples {
  readonly #folder = makeBuildFolder('examples')
  /** Example → its file without the ending. */
  readonly #stems: ReadonlyMap<string, string>
  readonly #failures = new Map<string, string>()

  private constructor(
    examples: readonly Example[],
    /** What `varve` stands for. */
    private readonly entry: string,
  ) {
    this.#stems = new Map(examples.map(({ name }, index) => [name, `example${index}`]))
    for (const { name, code } of examples) writeFileSync(join(this.#folder, `${this.#stems.get(name)}.mts`), code)
  }

  static async compile(examples: readonly Example[], entry = PUBLIC_ENTRY): Promise<CompiledExamples> {
    const compiled = new CompiledExamples(examples, entry)
    await compiled.#bundle(examples.map(({ name }) => name))
    return compiled
  }

  /** What the compiler says of the types in each example that it objects to. */
  typeErrors(): Map<string, string> {
    const files = new Map([...this.#stems].map(([name, stem]) => [join(this.#folder, `${stem}.mts`), name]))
    // What an example shows need not be used in it.
    const unused = { noUnusedLocals: false, noUnusedParameters: false }
    const options = { ...projectOptions(), ...unused, paths: { varve: [this.entry] } }
    const program = ts.createProgram([...files.keys()], options)
    const found = new Map<string, string>()
    for (const [file, name] of files) {
      const source = program.getSourceFile(file)
      const errors = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
      const texts = errors.map((error) => ts.flattenDiagnosticMessageText(error.messageText, '\n'))
      if (texts.length > 0) found.set(name, texts.join('\n'))
    }
    return found
  }

  /**
   * Runs one example in a process of its own whose working folder is `folder`.
   *
   * @returns What it printed.
   * @throws When it does not end with status 0.
   */
  run(name: string, folder: string): Promise<string> {
    const failure = this.#failures.get(name)
    if (failure !== undefined) return Promise.reject(new Error(failure))
    return new Promise((resolve, reject) => {
      const script = join(this.#folder, 'out', `${this.#stems.get(name)}.mjs`)
      const child = spawn(process.execPath, [...COMPILED_PLAINLY, '--enable-source-maps', script], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: EXAMPLE_TIMEOUT_MS,
      })
      const pieces: Buffer[] = []
      child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
      child.stderr.on('data', (piece: Buffer) => pieces.push(piece))
      child.on('error', reject)
      child.on('close', (status, signal) => {
        const output = Buffer.concat(pieces).toString()
        if (status === 0) resolve(output)
        else reject(new Error(`${name} ended with ${status ?? signal}:\n${output}`))
      })
    })
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** All in one go, so that what they import is compiled once; what does not compile is left out of a second go. */
  async #bundle(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    try {
      await build({
        absWorkingDir: PROJECT,
        entryPoints: names.map((name) => join(this.#folder, `${this.#stems.get(name)}.mts`)),
        outdir: join(this.#folder, 'out'),
        outExtension: { '.js': '.mjs' },
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'node',
        target: OLDEST_NODE,
        sourcemap: true,
        packages: 'external',
        alias: { varve: this.entry },
        logLevel: 'silent',
      })
    } catch (error) {
      const messages = (error as BuildFailure).errors ?? []
      const stemsAtFault = new Set(messages.map(({ location }) => basename(location?.file ?? '').replace(/\.mts$/, '')))
      const atFault = names.filter((name) => stemsAtFault.has(this.#stems.get(name) ?? ''))
      const text = messages.map((message) => message.text).join('\n') || String(error)
      for (const name of atFault.length > 0 ? atFault : names) this.#failures.set(name, text)
      if (atFault.length > 0) await this.#bundle(names.filter((name) => !this.#failures.has(name)))
    }
  }
}

/** Writes files, path → text, below `folder`. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
