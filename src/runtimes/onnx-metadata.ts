// The names and values that a model's author put into an ONNX file. ONNX Runtime Web reads the file but does not
// hand them out, so this walks the outermost protobuf message: metadata_props is field 14 of ModelProto, each entry
// a message of two strings, key (1) and value (2).

const metadataProps = 14

/** The metadata of an ONNX file, as far as the file is well formed. *Pure. Never throws.* */
export function readMetadata(model: Uint8Array): Record<string, string> {
  const entries: [string, string][] = []
  for (const entry of fieldsOf(model)) {
    if (entry.number !== metadataProps) continue
    const texts = new Map([...fieldsOf(entry.content)].map((field) => [field.number, textOf(field.content)]))
    entries.push([texts.get(1) ?? '', texts.get(2) ?? ''])
  }
  return Object.fromEntries(entries)
}

/** The length-delimited fields of a message; ends silently where the message is malformed. */
function* fieldsOf(message: Uint8Array): Generator<{ number: number; content: Uint8Array }> {
  let at = 0
  const varint = () => {
    let value = 0
    // Ten bytes at most, which every negative number takes.
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = message[at++] ?? Number.NaN
      value += (byte & 127) * scale
      if (!(byte >= 128)) return Number.isNaN(byte) ? Number.NaN : value
    }
    return Number.NaN
  }
  while (at < message.length) {
    const tag = varint()
    const wireType = tag % 8
    if (wireType === 0) varint()
    else if (wireType === 1) at += 8
    else if (wireType === 5) at += 4
    else if (wireType === 2) {
      const end = varint() + at
      if (!(end <= message.length)) return
      yield { number: Math.floor(tag / 8), content: message.subarray(at, end) }
      at = end
    } else return
  }
}

function textOf(content: Uint8Array): string {
  return Buffer.from(content).toString('utf8')
}
