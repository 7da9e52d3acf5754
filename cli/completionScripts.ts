/** The scripts by which three shells ask for completions (completion.ts): what they ask, and what they make of the answer. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/**
 * Bash hands over neither the words as it will read them nor where in the last one it begins to replace: behind a quote that
 * is open, or behind a colon and the like, which are no word's end to us. Both are found from the line.
 */
const BASH = `# varve completion for bash. Put this into ~/.bashrc:
#   source <(varve completion bash)
_varve() {
  local line=\${COMP_LINE:0:COMP_POINT} words=() word= cut= quote= opened= begun= kind= answer at char
  for ((at = 0; at < \${#line}; at++)); do
    char=\${line:at:1}
    if [[ -z $quote && $char == [[:space:]] ]]; then
      [[ -n $begun ]] && words+=("$word")
      word= cut= begun=
      continue
    fi
    begun=1
    if [[ $char == '\\' && $quote != "'" ]]; then
      at=$((at + 1))
      [[ $quote == '"' && \${line:at:1} != [\\"\\\\\\$\\\`] ]] && word+='\\'
      word+=\${line:at:1}
    elif [[ $char == "$quote" ]]; then
      quote=
    elif [[ -z $quote && $char == [\\'\\"] ]]; then
      quote=$char opened=$word
    else
      word+=$char
      [[ -z $quote && $COMP_WORDBREAKS == *"$char"* ]] && cut=$word
    fi
  done
  [[ -n $quote ]] && cut=$opened
  COMPREPLY=()
  while IFS=$'\\t' read -r answer _; do
    if [[ -z $kind ]]; then
      kind=$answer
    elif [[ $answer == "$cut"* ]]; then
      answer=\${answer#"$cut"}
      # To a folder that is there bash adds the slash itself.
      [[ $kind == paths && -d \${answer%/} ]] && answer=\${answer%/}
      COMPREPLY+=("$answer")
    fi
  done < <(varve __complete -- "\${words[@]:1}" "$word" 2>/dev/null)
  case $kind in
    files) compopt -o default ;;
    paths)
      compopt -o filenames
      [[ \${COMPREPLY[0]} == */ ]] && compopt -o nospace
      ;;
  esac
  return 0
}
complete -F _varve varve
`

const ZSH = `#compdef varve
# varve completion for zsh. Put this into ~/.zshrc, after compinit:
#   source <(varve completion zsh)
_varve() {
  local -a answer described
  local kind line
  answer=("\${(@f)$(varve __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  kind=$answer[1]
  shift answer
  case $kind in
    files) _files ;;
    paths)
      compadd -S '' -- \${(M)answer:#*/}
      compadd -- \${answer:#*/}
      ;;
    *)
      for line in $answer; do
        described+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line:#*$'\\t'*}:+:\${line#*$'\\t'}}")
      done
      _describe varve described
      ;;
  esac
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
    set -l token (commandline -ct)
    set -l typed (string unescape -- $token)
    or set typed $token
    set -l answer (varve __complete -- $words[2..-1] "$typed" 2>/dev/null)
    if test "$answer[1]" = files
        __fish_complete_path "$token"
    else
        printf '%s\\n' $answer[2..-1]
    end
end
complete -c varve -f -a '(__varve_complete)'
`

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH }
