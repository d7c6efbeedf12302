/** Messages of protocol buffers (proto3) by the numbers and types of their fields. */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"

export interface Field<A> {
  readonly wireType: WireType
  readonly write: (writer: BinaryWriter, value: A) => void
  readonly read: (reader: BinaryReader) => A
  /** What it is when the message does not say. */
  readonly empty: A
}

export interface Message<A> {
  readonly encode: (message: A) => BinaryWriter
  readonly decode: (bytes: Uint8Array) => A
}

export const bytes: Field<Uint8Array> = {
  wireType: WireType.LengthDelimited,
  write: (writer, value) => writer.bytes(value),
  read: (reader) => Uint8Array.from(reader.bytes()),
  empty: new Uint8Array()
}

export const string: Field<string> = {
  wireType: WireType.LengthDelimited,
  write: (writer, value) => writer.string(value),
  read: (reader) => reader.string(),
  empty: ""
}

/** A number that JavaScript can hold. */
export const int64: Field<number> = {
  wireType: WireType.Varint,
  write: (writer, value) => writer.int64(value),
  read: (reader) => Number(reader.int64()),
  empty: 0
}

export const nested = <A>(message: Message<A>): Field<A> => ({
  wireType: WireType.LengthDelimited,
  write: (writer, value) => writer.bytes(message.encode(value).finish()),
  read: (reader) => message.decode(reader.bytes()),
  empty: message.decode(new Uint8Array())
})

type Fields<A> = { readonly [K in keyof A]: readonly [number: number, type: Field<A[K]>] }

/** Unknown fields are skipped, and what is empty is not written. */
export const message = <A extends object>(fields: Fields<A>): Message<A> => {
  const names = Object.keys(fields) as Array<keyof A>
  return {
    encode: (value) => {
      const writer = new BinaryWriter()
      for (const name of names) write(writer, fields[name], value[name])
      return writer
    },
    decode: (encoded) => {
      const reader = new BinaryReader(encoded)
      const value = Object.fromEntries(names.map((name) => [name, fields[name][1].empty])) as A
      while (reader.pos < reader.len) {
        const [number, wireType] = reader.tag()
        const name = names.find((name) => fields[name][0] === number)
        if (name === undefined) reader.skip(wireType)
        else value[name] = fields[name][1].read(reader)
      }
      return value
    }
  }
}

const write = <A>(writer: BinaryWriter, [number, type]: readonly [number, Field<A>], value: A) => {
  const content = new BinaryWriter()
  type.write(content, value)
  const encoded = content.finish()
  if (encoded.every((byte) => byte === 0)) return
  writer.tag(number, type.wireType).raw(encoded)
}
