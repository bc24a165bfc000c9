import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseLabels } from '../../models/eval-labels.ts'
import { codeOf } from '../../protocol/errors.ts'

const dataset = (images: string) => `<?xml version='1.0' encoding='ISO-8859-1'?>
<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>
<dataset><name>Faces</name><comment>none</comment><images>${images}</images></dataset>`

function failureOf(text: string): unknown {
  try {
    return parseLabels(text, 'labels.xml')
  } catch (error) {
    return codeOf(error)
  }
}

test('what imglab writes', () => {
  const text = dataset(`
  <image file='a.jpg' width='500' height='332'>
    <box top='-4' left='274' width='52' height='53'><label>face</label><part name='00' x='277' y='194'/></box>
    <box top='156.5' left='55' width='44' height='44' ignore='1' difficult='1'/>
  </image>
  <image file='sub folder/b.png'/>`)
  expect(parseLabels(text, 'labels.xml')).toEqual([
    {
      file: 'a.jpg',
      size: { width: 500, height: 332 },
      labels: [
        { top: -4, left: 274, width: 52, height: 53, ignore: false },
        { top: 156.5, left: 55, width: 44, height: 44, ignore: true },
      ],
    },
    { file: 'sub folder/b.png', size: undefined, labels: [] },
  ])
})

test('a document type, comments and CDATA are passed over', () => {
  const text = `<?xml version="1.0"?><!DOCTYPE dataset SYSTEM "dataset.dtd">
  <dataset><name><![CDATA[<image file='no.jpg'/> & more]]></name><images>
  <!-- <image file='old.jpg'/> -->
  <image file="a.jpg"><box top="1" left="2" width="3" height="4" ignore="0"/></image></images></dataset>`
  const [first, ...more] = parseLabels(text, 'labels.xml')
  expect(first?.file).toBe('a.jpg')
  expect(first?.labels).toEqual([{ top: 1, left: 2, width: 3, height: 4, ignore: false }])
  expect(more).toEqual([])
})

test('a file without pictures is no mistake', () => {
  expect(parseLabels(dataset(''), 'labels.xml')).toEqual([])
  expect(parseLabels(dataset('\n  '), 'labels.xml')).toEqual([])
})

test('entities are not expanded, the five of XML and character references are', () => {
  const bomb = `<!DOCTYPE dataset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>
    <dataset><images><image file='&b;'/></images></dataset>`
  expect(parseLabels(bomb, 'labels.xml')[0]?.file).toBe('&b;')
  expect(failureOf(`<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>${dataset('')}`)).toBe('eval.xml')
  const names = dataset(`<image file='Tom &amp; Jerry&apos;s &lt;1&gt; caf&#233; caf&#xE9; &amp;amp;.jpg'/>`)
  expect(parseLabels(names, 'labels.xml')[0]?.file).toBe("Tom & Jerry's <1> café café &amp;.jpg")
})

test.each([
  ['no XML', 'top,left,width,height'],
  ['nothing', ''],
  ['cut short', dataset('').slice(0, -12)],
  ['another kind of XML', '<svg/>'],
  ['no images', '<dataset><name>x</name></dataset>'],
  ['a picture without a file', dataset("<image width='3'/>")],
  ['a box without a width', dataset("<image file='a'><box top='1' left='1' height='4'/></image>")],
  ['a box without a size', dataset("<image file='a'><box top='1' left='1' width='0' height='4'/></image>")],
  ['a number that is none', dataset("<image file='a'><box top='x' left='1' width='4' height='4'/></image>")],
  [
    'a number without end',
    dataset("<image file='a'><box top='1e999' left='1' width='4' height='4'/></image>"),
  ],
])('%s is refused', (_what, text) => {
  expect(failureOf(text)).toBe('eval.xml')
})

test('the refusal says where', () => {
  const text = dataset("<image file='a'/><image file='b'><box top='1' left='1' height='4'/></image>")
  expect(() => parseLabels(text, 'labels.xml')).toThrow(
    /labels\.xml: dataset\.images\.image\.1\.box\.0\.width/,
  )
})

test('any boxes come back as they were written', () => {
  const side = fc.integer({ min: 1, max: 10_000 })
  const place = fc.integer({ min: -10_000, max: 10_000 })
  const box = fc.record({ top: place, left: place, width: side, height: side, ignore: fc.boolean() })
  fc.assert(
    fc.property(fc.array(box), labels => {
      const boxes = labels.map(
        ({ ignore, ...numbers }) =>
          `<box ${Object.entries(numbers)
            .map(([name, value]) => `${name}='${value}'`)
            .join(' ')}${ignore ? " ignore='1'" : ''}/>`,
      )
      const [picture] = parseLabels(dataset(`<image file='a.jpg'>${boxes.join('\n')}</image>`), 'labels.xml')
      expect(picture?.labels).toEqual(labels)
    }),
  )
})
