/**
 * Completion: scripts for three shells, all of which ask `varve __complete -- WORDS…`, where the last word is the one
 * under the cursor. The answer is a line a candidate, a tab and a description where there is one. The line `:files`
 * stands for file names, which shells know better.
 *
 * Asking the store must never disturb typing: whatever goes wrong there yields no candidates.
 */
import type { Option } from 'commander'
import type { Repository } from '../src/index.js'
import { type Completes, readGlobalOptions, type VerbCommand } from './command.js'
import { Context } from './context.js'
import { shortId } from './text.js'
import { TOPICS } from './topics.js'

export interface Candidate {
  readonly word: string
  readonly description?: string | undefined
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** Instead of candidates: the names of files. No candidate looks like it, for no name begins with a colon. */
const FILES: readonly Candidate[] = [{ word: ':files' }]

/** @param words - What stands after `varve`, the last one unfinished. */
export async function complete(context: Context, words: readonly string[]): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? ''
  const place = await walk(context, words.slice(0, -1))
  const all = await candidatesAt(context, place, typed)
  return all === FILES ? all : all.filter((candidate) => candidate.word.startsWith(typed))
}

/** Where the cursor stands. */
interface Place {
  readonly command: VerbCommand
  /** The option whose value is being typed. */
  readonly pending: Option | undefined
  readonly operands: readonly string[]
  readonly afterDashes: boolean
}

async function walk(context: Context, words: readonly string[]): Promise<Place> {
  let command = context.program
  const operands: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--') return { command, pending: undefined, operands, afterDashes: true }
    if (word.startsWith('-')) {
      const option = command.options.find((candidate) => candidate.long === word || candidate.short === word)
      if (option?.required !== true) continue
      if (index === words.length - 1) return { command, pending: option, operands, afterDashes: false }
      index++
      command.setOptionValueWithSource(option.attributeName(), words[index], 'cli')
      continue
    }
    const inner = operands.length === 0 ? command.commands.find((candidate) => candidate.name() === word) : undefined
    if (inner === undefined) {
      operands.push(word)
      continue
    }
    if (command === context.program) await context.program.loadVerb(inner as VerbCommand)
    command = inner as VerbCommand
  }
  return { command, pending: undefined, operands, afterDashes: false }
}

async function candidatesAt(context: Context, place: Place, typed: string): Promise<readonly Candidate[]> {
  const { command, pending, operands, afterDashes } = place
  if (afterDashes) return []
  if (pending !== undefined) return candidatesForOption(context, place, pending, typed)
  if (typed.startsWith('-')) return optionCandidates(command)
  if (command.commands.length > 0) return operands.length > 0 ? [] : verbCandidates(command)
  return candidatesOf(context, command, command.completesOperands[operands.length], typed)
}

async function candidatesForOption(
  context: Context,
  { command }: Place,
  option: Option,
  typed: string,
): Promise<readonly Candidate[]> {
  if (option.argChoices !== undefined) return option.argChoices.map((word) => ({ word }))
  return candidatesOf(context, command, command.completesOptions[option.long?.replace(/^--/, '') ?? ''], typed)
}

function optionCandidates(command: VerbCommand): Candidate[] {
  const own = command.options.filter((option) => option.long !== undefined)
  return [...own.map((option) => ({ word: option.long ?? '', description: option.description })), { word: '--help' }]
}

function verbCandidates(parent: VerbCommand): Candidate[] {
  return parent.visibleVerbs.map((verb) => ({ word: verb.name(), description: verb.summary() }))
}

async function candidatesOf(
  context: Context,
  command: VerbCommand,
  kind: Completes | undefined,
  typed: string,
): Promise<readonly Candidate[]> {
  if (typeof kind === 'object') return kind.map((word) => ({ word }))
  if (kind === undefined) return []
  if (kind === 'file') return FILES
  if (kind === 'verb') {
    return [
      ...verbCandidates(context.program),
      ...TOPICS.map((topic) => ({ word: topic.name, description: topic.title })),
    ]
  }
  // The options typed so far say which store is meant.
  const asked = new Context(context.io, context.program, readGlobalOptions(command))
  try {
    return await storeCandidates(await asked.openToRead(), kind, typed)
  } catch {
    return []
  } finally {
    await asked.close()
  }
}

async function storeCandidates(
  repository: Repository,
  kind: Exclude<Completes, 'file' | 'verb' | readonly string[]>,
  typed: string,
): Promise<Candidate[]> {
  switch (kind) {
    case 'config':
      return (await repository.config.list()).map(({ name }) => ({ word: name }))
    case 'pv':
      return (await repository.volumeGroup()).physicalVolumes.map(({ number, path }) => ({
        word: String(number),
        description: path,
      }))
    case 'branch':
      return describeRefs(await repository.branches())
    case 'tag':
      return describeRefs(await repository.tags())
    case 'ref':
      return describeRefs([...(await repository.branches()), ...(await repository.tags())])
    case 'range':
    case 'revision': {
      const refs = describeRefs([...(await repository.branches()), ...(await repository.tags())])
      const all = [...refs, { word: 'HEAD', description: 'the default branch' }]
      const dots = kind === 'range' ? typed.indexOf('..') : -1
      const before = dots < 0 ? '' : typed.slice(0, dots + 2)
      return all.map(({ word, description }) => ({ word: before + word, description }))
    }
  }
}

function describeRefs(refs: readonly { name: string; target: string; kind: string }[]): Candidate[] {
  return refs.map((ref) => ({ word: ref.name, description: `${ref.kind} at ${shortId(ref.target)}` }))
}

/** Names with a line feed cannot be ref names; descriptions are kept to one line all the same. */
export function candidateLines(candidates: readonly Candidate[]): string[] {
  return candidates.map(({ word, description }) =>
    description === undefined ? word : `${word}\t${description.replace(/\s+/g, ' ')}`,
  )
}

/** `main` and `refs` with a colon or an equals sign are one word to us, several to bash: COMP_WORDBREAKS is worked around. */
const BASH = `# varve completion for bash. Put this into ~/.bashrc:
#   source <(varve completion bash)
_varve() {
  local line=\${COMP_LINE:0:COMP_POINT} words word
  read -r -a words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=\${words[\${#words[@]} - 1]}
  local IFS=$'\\n'
  COMPREPLY=($(varve __complete -- "\${words[@]:1}" 2>/dev/null | cut -f1))
  if [[ \${COMPREPLY[0]} == :files ]]; then COMPREPLY=(); compopt -o default; return; fi
  # Bash replaces only what follows the last of its word breaks.
  local cut=\${word%"\${COMP_WORDS[COMP_CWORD]}"}
  if [[ -n $cut && $word == "$cut"* ]]; then COMPREPLY=("\${COMPREPLY[@]#"$cut"}"); fi
}
complete -F _varve varve
`

const ZSH = `#compdef varve
# varve completion for zsh. Put this into ~/.zshrc, after compinit:
#   source <(varve completion zsh)
_varve() {
  local -a answer described
  local line
  answer=("\${(@f)$(varve __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $answer; do
    [[ -n $line ]] || continue
    described+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line:#*$'\\t'*}:+:\${line#*$'\\t'}}")
  done
  if [[ $answer == :files ]]; then _files; else _describe varve described; fi
}
if [[ $funcstack[1] == _varve ]]; then
  _varve "$@"
else
  compdef _varve varve
fi
`

const FISH = `# varve completion for fish. Put this into ~/.config/fish/completions/varve.fish:
#   varve completion fish > ~/.config/fish/completions/varve.fish
function __varve_complete
    set -l words (commandline -opc)
    set -l answer (varve __complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if test "$answer" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $answer
    end
end
complete -c varve -f -a '(__varve_complete)'
`

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH }
