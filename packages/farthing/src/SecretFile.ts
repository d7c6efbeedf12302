/** Files that hold a secret: read and made only so that nobody else can read them. */
import { Effect, FileSystem, Option, Redacted, Schema } from "effect"
import { dirname, resolve } from "node:path"
import { Environment } from "./Environment.ts"

/** No secret of ours is longer, in bytes. */
const longest = 16_384

const forOthers = 0o077

/**
 * A service manager hands secrets over in a folder of their own, each with an access list for the
 * one service. A mode shows such a list as if the group could read (systemd.exec(5), CREDENTIALS).
 */
const forOthersOfCredentials = 0o037

/** The bits of a secret's mode that say too much. */
const exposing = (path: string) =>
  Effect.map(Environment, ({ CREDENTIALS_DIRECTORY: credentials }) =>
    credentials !== undefined && dirname(resolve(path)) === resolve(credentials)
      ? forOthersOfCredentials
      : forOthers
  )

/** Windows has access lists where others have modes. */
const hasModes = process.platform !== "win32"

/** The secret in a file, without the white space around it. */
export const read = (path: string) =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    // Opening a pipe would wait for whoever writes into it.
    if ((yield* fileSystem.stat(path)).type !== "File")
      return yield* refuse(path, "irregular", "It is no regular file.")
    const file = yield* fileSystem.open(path, { flag: "r" })
    const info = yield* file.stat
    if (hasModes && (info.mode & (yield* exposing(path))) !== 0)
      return yield* refuse(
        path,
        "exposed",
        `Others can read it (mode ${(info.mode & 0o777).toString(8).padStart(4, "0")}). Run: chmod 600 ${quoted(path)}`
      )
    const bytes = Option.getOrElse(yield* file.readAlloc(longest), () => new Uint8Array())
    const secret = new TextDecoder().decode(bytes).trim()
    return secret === ""
      ? yield* refuse(path, "empty", "It is empty.")
      : Redacted.make(secret, { label: "secret file" })
  }).pipe(
    Effect.scoped,
    Effect.catchTag("PlatformError", (error) =>
      error.reason._tag === "NotFound"
        ? refuse(path, "missing", "It does not exist.")
        : refuse(path, "unreadable", `It cannot be read (${error.reason._tag}).`)
    )
  )

/**
 * Makes a file of mode 0600 that holds the secret, at once and whole; false if there was one
 * already, which stays as it is.
 */
export const create = Effect.fnUntraced(function* (
  path: string,
  secret: Redacted.Redacted<string>,
  /** Tells the temporary file apart from those of other processes. */
  nonce: string
) {
  const fileSystem = yield* FileSystem.FileSystem
  const draft = `${path}.${nonce}`
  const write = Effect.scoped(
    Effect.gen(function* () {
      const file = yield* fileSystem.open(draft, { flag: "wx", mode: 0o600 })
      yield* file.writeAll(new TextEncoder().encode(`${Redacted.value(secret)}\n`))
      yield* file.sync
    })
  )
  return yield* write.pipe(
    // A link appears with its whole content or not at all, and never replaces another.
    Effect.andThen(fileSystem.link(draft, path)),
    Effect.as(true),
    Effect.catchIf(
      (error) => error.reason._tag === "AlreadyExists",
      () => Effect.succeed(false)
    ),
    Effect.ensuring(Effect.ignore(fileSystem.remove(draft, { force: true })))
  )
})

export const Fault = Schema.Literals(["missing", "unreadable", "irregular", "exposed", "empty"])

/** Why a file was not taken as a secret. Never shows what is in it. */
export class SecretFileRefused extends Schema.TaggedError<SecretFileRefused>()(
  "SecretFileRefused",
  { path: Schema.String, reason: Fault, message: Schema.String }
) {}

const refuse = (path: string, reason: typeof Fault.Type, words: string) =>
  Effect.fail(
    new SecretFileRefused({
      path,
      reason,
      message: `The secret file ${path} was refused. ${words}`
    })
  )

/** As a shell takes it in one piece. */
const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
