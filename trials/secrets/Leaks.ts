/** Looks for secrets in everything that was printed and written. */
import { Effect, FileSystem, Path } from "effect"
import type { Secret } from "./Secret.ts"

export interface Leak {
  readonly secret: string
  readonly form: string
  /** The file, or the name of the output. */
  readonly where: string
}

/** Something that was printed or written. */
export interface Trace {
  readonly where: string
  readonly bytes: Buffer
}

/** Each secret that stands in a trace, in the form in which it stands there. */
export const find = (
  secrets: ReadonlyArray<Secret>,
  traces: ReadonlyArray<Trace>
): ReadonlyArray<Leak> => {
  const byHead = piecesByHead(secrets)
  return traces.flatMap(({ bytes, where }) => {
    const leaks = new Map<string, Leak>()
    for (const searched of [bytes, withoutSpace(bytes)])
      for (let at = 0; at + headLength <= searched.length; at++)
        for (const { form, piece, secret } of byHead.get(searched.readUInt32LE(at)) ?? [])
          if (piece.equals(searched.subarray(at, at + piece.length)))
            leaks.set(`${secret} ${form}`, { secret, form, where })
    return [...leaks.values()]
  })
}

interface Piece extends Omit<Leak, "where"> {
  readonly piece: Buffer
}

/** Bytes by which a piece is looked up: all pieces are found in one pass. */
const headLength = 4

const piecesByHead = (secrets: ReadonlyArray<Secret>): ReadonlyMap<number, ReadonlyArray<Piece>> =>
  Map.groupBy(
    secrets.flatMap(({ forms, name }) =>
      forms.flatMap((form) =>
        form.pieces.map((piece): Piece => ({ secret: name, form: form.name, piece }))
      )
    ),
    ({ piece }) => piece.readUInt32LE(0)
  )

/** Long values are broken into lines, and lists are set in columns. */
const withoutSpace = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString("latin1").replaceAll(/[ \t\r\n]+/g, ""), "latin1")

/** A file or a folder, and who may do what with it. */
export interface Entry extends Trace {
  readonly type: string
  readonly mode: number
}

/** Everything within a folder, with the folder itself. */
export const within = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* fs.readDirectory(folder, { recursive: true })
  return yield* Effect.forEach(
    ["", ...names],
    Effect.fnUntraced(function* (name) {
      const where = path.join(folder, name)
      const { mode, type } = yield* fs.stat(where)
      const bytes = type === "File" ? yield* fs.readFile(where) : new Uint8Array()
      return { where, type, mode: mode & 0o777, bytes: Buffer.from(bytes) } satisfies Entry
    })
  )
})

/** Those that somebody else than their owner may read, write or enter. */
export const exposed = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries
    .filter(({ mode }) => (mode & 0o077) !== 0)
    .map(({ mode, type, where }) => `${type} ${where} has mode ${mode.toString(8)}`)
