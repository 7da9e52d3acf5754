/** The examples in the docstrings of the public interface, found by the compiler: what src/index.ts exports, and members. */
import { relative } from 'node:path'
import ts from 'typescript'
import { fencedBlocks } from './markdown.js'

export interface DocumentedItem {
  /** `Repository.create`, `parseCompression`. */
  readonly name: string
  /** `src/repository.ts:12`, from the folder given. */
  readonly place: string
  /** `callable`: a function or method that a program calls. `data`: types, fields, constants. */
  readonly kind: 'class' | 'callable' | 'data'
  readonly hasDocstring: boolean
  /** The `ts` blocks of its `@example` tags. */
  readonly examples: readonly string[]
}

export interface PublicInterface {
  /** Every name that can be imported, types included. */
  readonly exportedNames: readonly string[]
  /** Those of them that are values. */
  readonly exportedValues: readonly string[]
  readonly items: readonly DocumentedItem[]
}

export function readPublicInterface(entry: string, folder: string, options: ts.CompilerOptions): PublicInterface {
  const program = ts.createProgram([entry], options)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(entry)
  const moduleSymbol = source && checker.getSymbolAtLocation(source)
  if (moduleSymbol === undefined) throw new Error(`${entry} exports nothing`)
  const items: DocumentedItem[] = []
  const exportedNames: string[] = []
  const exportedValues: string[] = []
  for (const exported of checker.getExportsOfModule(moduleSymbol)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    exportedNames.push(exported.name)
    if (symbol.flags & ts.SymbolFlags.Value) exportedValues.push(exported.name)
    for (const declaration of symbol.declarations ?? []) {
      if (declaration.getSourceFile().fileName.includes('/node_modules/')) continue
      items.push(itemOf(exported.name, declaration, folder))
      if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) continue
      for (const member of declaration.members) {
        const name = publicMemberName(member)
        if (name !== undefined) items.push(itemOf(`${exported.name}.${name}`, member, folder))
      }
    }
  }
  return { exportedNames, exportedValues, items: mergeOverloads(items) }
}

function publicMemberName(member: ts.ClassElement | ts.TypeElement): string | undefined {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected
  if (ts.getCombinedModifierFlags(member) & hidden) return undefined
  if (ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal')) return undefined
  return member.name !== undefined && ts.isIdentifier(member.name) ? member.name.text : undefined
}

function itemOf(name: string, declaration: ts.Declaration, folder: string): DocumentedItem {
  const source = declaration.getSourceFile()
  const { line } = source.getLineAndCharacterOfPosition(declaration.getStart(source))
  const examples = ts
    .getJSDocTags(declaration)
    .filter((tag) => tag.tagName.text === 'example')
    .flatMap((tag) => fencedBlocks(asWritten(source.text.slice(tag.pos, tag.end))))
    .filter(({ language }) => language === 'ts')
    .map(({ text }) => text)
  return {
    name,
    place: `${relative(folder, source.fileName)}:${line + 1}`,
    kind: kindOf(declaration),
    hasDocstring: ts.getJSDocCommentsAndTags(declaration).length > 0,
    examples,
  }
}

function kindOf(declaration: ts.Declaration): DocumentedItem['kind'] {
  if (ts.isClassDeclaration(declaration)) return 'class'
  return ts.isFunctionDeclaration(declaration) || ts.isMethodDeclaration(declaration) ? 'callable' : 'data'
}

/** The lines of a docstring without their stars. The compiler's own text of a tag loses indentation. */
function asWritten(comment: string): string {
  return comment.replace(/^[ \t]*\*[ \t]?/gm, '')
}

/** One docstring does for all overloads of a function. */
function mergeOverloads(items: readonly DocumentedItem[]): DocumentedItem[] {
  const byName = new Map<string, DocumentedItem>()
  for (const item of items) {
    const before = byName.get(item.name)
    byName.set(
      item.name,
      before === undefined
        ? item
        : {
            ...before,
            hasDocstring: before.hasDocstring || item.hasDocstring,
            examples: [...before.examples, ...item.examples],
          },
    )
  }
  return [...byName.values()]
}
