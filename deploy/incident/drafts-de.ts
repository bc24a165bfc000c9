import type { Draft, Piece } from './draft.ts'
import type { DraftFacts } from './draft-facts.ts'

const fill = (text: string): Piece => ({ fill: text })
const given = (text: string | undefined, what: string): Piece => text ?? fill(what)

/** 24.11.2026, 22:45 Uhr (UTC). */
function moment(time: string): string {
  const [year, month, day] = time.slice(0, 10).split('-')
  return `${day}.${month}.${year}, ${time.slice(11, 16)} Uhr (UTC)`
}

/** DSGVO Art. 33: an die Aufsichtsbehörde. */
export function authorityGerman(facts: DraftFacts): Draft {
  const { controller, contact, awareAt, due } = facts
  return {
    lang: 'de',
    title: 'Meldung einer Verletzung des Schutzes personenbezogener Daten (Art. 33 DSGVO)',
    note: `Entwurf. Ob gemeldet wird, entscheiden Sie: Art. 33 Abs. 1 verlangt es, außer ein Risiko für Menschen ist unwahrscheinlich. Frist: ${moment(due)}, 72 Stunden nach Bekanntwerden. Was nur Sie wissen können, ist markiert.`,
    sections: [
      {
        heading: '1. Wer meldet',
        paragraphs: [
          ['Verantwortlicher: ', given(controller, 'Name, Anschrift, Register')],
          [
            'Datenschutzbeauftragter oder andere Anlaufstelle (Art. 33 Abs. 3 lit. b): ',
            given(contact, 'Name, E-Mail, Telefon'),
          ],
          ['Unser Zeichen: ', facts.incidentId],
        ],
      },
      {
        heading: '2. Zeitpunkt',
        paragraphs: [
          [
            `Bekannt geworden ist uns die Verletzung am ${moment(awareAt)}. Die 72 Stunden enden am ${moment(due)}.`,
          ],
          [`Sie betrifft die Zeit vom ${moment(facts.from)} bis ${moment(facts.to)}.`],
          ...(facts.isLate
            ? [['Begründung der Verzögerung (Art. 33 Abs. 1): ', fill('Gründe der Verspätung')]]
            : []),
          [
            facts.state === 'closed' || facts.state === 'fixed'
              ? 'Die Meldung ist nach unserem Kenntnisstand vollständig.'
              : 'Weitere Angaben folgen schrittweise (Art. 33 Abs. 4).',
          ],
        ],
      },
      {
        heading: '3. Art der Verletzung (Art. 33 Abs. 3 lit. a)',
        paragraphs: [
          ['Kurzbezeichnung (Wortlaut des Betreibers): ', facts.title],
          ...facts.collisions.map(({ serial, cameras }) => [
            `${cameras} Heimkameras trugen dieselbe Identifikationsnummer, ${serial}.`,
          ]),
          [nature(facts)],
          ['Ursache (Wortlaut des Betreibers): ', facts.cause ?? fill('Ursache, oder „wird untersucht“')],
        ],
      },
      {
        heading: '4. Kategorien und ungefähre Zahlen (Art. 33 Abs. 3 lit. a)',
        paragraphs: [
          [
            `– Betroffene Personen: Mitglieder von ${facts.homes} ${facts.homes === 1 ? 'Haushalt' : 'Haushalten'} mit Kamera, zusammen ${facts.members} angemeldete Nutzer; dazu alle, die in ihren Räumen gefilmt wurden, möglicherweise auch Kinder, Gäste und Angestellte. Anzahl ungefähr: `,
            fill('Schätzung; zählen lässt sie sich nicht, die Aufnahmen sind versiegelt'),
          ],
          [
            `– Datensätze: ${facts.clips} versiegelte Videoaufnahmen von ${facts.cameras} Kameras in unserem Speicher, mit Ton, Vorschaubildern und Markierungen von Gesichtern. Namen, Anschriften und Daten nach Art. 9 zur Identifizierung werden nicht verarbeitet `,
            fill('bestätigen oder berichtigen'),
          ],
          [`– Eingegangene Meldungen von Haushalten: ${facts.reports}.`],
        ],
      },
      {
        heading: '5. Wahrscheinliche Folgen (Art. 33 Abs. 3 lit. c)',
        paragraphs: [[consequences(facts)], [residual(facts)]],
      },
      {
        heading: '6. Ergriffene oder vorgeschlagene Maßnahmen (Art. 33 Abs. 3 lit. d)',
        paragraphs: [
          [
            '– Behebung (Wortlaut des Betreibers): ',
            facts.fix ?? fill('was getan wurde oder wird'),
            facts.release === null ? '' : ` Enthalten in Version ${facts.release}.`,
          ],
          [
            '– Die Beweise wurden bei Eingang der Meldung gesichert; jeder Schritt steht in einem nur erweiterbaren Protokoll, das jeder prüfen kann.',
          ],
          ['– Die betroffenen Haushalte sehen Ursache, Behebung und Stand in ihrer App.'],
          [
            '– Das gesamte Protokoll wurde nach demselben Fehler durchsucht: ',
            fill('Ergebnis; siehe „Is it anywhere else?“ auf der Vorfallseite'),
          ],
        ],
      },
      {
        heading: '7. Benachrichtigung der Betroffenen (Art. 34)',
        paragraphs: [
          [communication(facts)],
          ['Entscheidung: ', fill('versandt am …, oder nicht erforderlich, weil …')],
        ],
      },
      {
        heading: '8. Anlagen',
        paragraphs: [
          [
            'Vorfallseite mit zeitlichem Ablauf (incident.pdf, englisch), Protokoll und Einträge samt Anleitung zur Prüfung ohne Netz.',
          ],
        ],
      },
    ],
  }
}

/** DSGVO Art. 34: an die Betroffenen, in klarer und einfacher Sprache. */
export function peopleGerman(facts: DraftFacts): Draft {
  return {
    lang: 'de',
    title: 'Was mit Ihrer Kamera geschehen ist und was es für Sie bedeutet',
    note: 'Entwurf eines Schreibens an die betroffenen Haushalte (Art. 34 DSGVO). Was nur Sie wissen können, ist markiert.',
    sections: [
      {
        heading: 'Was geschehen ist',
        paragraphs: [
          [`Am ${moment(facts.awareAt)} haben wir von diesem Vorfall erfahren.`],
          ...facts.collisions.map(({ cameras }) => [
            `${cameras} unserer Kameras haben versehentlich dieselbe Identifikationsnummer bekommen. Jede Nummer sollte es nur einmal geben.`,
          ]),
          facts.cause === null
            ? ['Die Ursache suchen wir noch.']
            : ['Warum es dazu kam: ', fill(`auf Deutsch; der Betreiber hat geschrieben: „${facts.cause}“`)],
        ],
      },
      {
        heading: 'Konnte jemand in Ihre Wohnung sehen?',
        paragraphs: [[forPeople(facts)], [limits(facts)]],
      },
      {
        heading: 'Was wir getan haben',
        paragraphs: [
          [
            fill(
              facts.fix === null
                ? 'was getan wurde oder wird'
                : `auf Deutsch; der Betreiber hat geschrieben: „${facts.fix}“`,
            ),
            facts.release === null ? '' : ` (Version ${facts.release})`,
          ],
          [
            'Alles, was der Server getan hat, steht in einem Protokoll, das sich nachträglich nicht ändern lässt. Ihre App wacht darüber: `ownlens home log`.',
          ],
        ],
      },
      {
        heading: 'Was Sie tun können',
        paragraphs: [
          ['– Prüfen Sie, ob Ihre Kamera Ihnen gehört und arbeitet: `ownlens home cameras`.'],
          [
            '– Wenn Sie je etwas sehen, das nicht Ihr Zuhause ist, sagen Sie es uns: `ownlens home report`. Sie bekommen eine unterschriebene Quittung, und wir schulden Ihnen binnen 72 Stunden eine Antwort.',
          ],
          ...(facts.seen === 'none'
            ? []
            : [
                [
                  '– Bis Sie von uns hören: Schalten Sie die Kamera in Räumen, die Ihnen wichtig sind, aus oder decken Sie sie ab.',
                ],
              ]),
        ],
      },
      {
        heading: 'An wen Sie sich wenden können',
        paragraphs: [
          ['Verantwortlicher: ', given(facts.controller, 'Name und Anschrift')],
          [
            'Kontakt: ',
            given(
              facts.contact,
              'Name, E-Mail, Telefon des Datenschutzbeauftragten oder einer anderen Anlaufstelle',
            ),
          ],
          [
            'Sie können sich auch bei einer Datenschutzaufsicht beschweren: ',
            fill('die für Sie zuständige Behörde'),
          ],
          ['Zeichen: ', facts.incidentId],
        ],
      },
    ],
  }
}

function nature({ seen, cameOver }: DraftFacts): string {
  const over = cameOver
    ? 'Versiegelte Aufnahmen eines Haushalts wurden einem anderen Haushalt zugestellt oder könnten zugestellt worden sein.'
    : 'Versiegelte Aufnahmen eines Haushalts wurden keinem anderen Haushalt zugestellt.'
  if (seen === 'none')
    return `Verletzung der Vertraulichkeit ohne Offenlegung von Inhalten. ${over} Öffnen ließen sie sich dort nicht: Jede Kamera versiegelt nur mit den Schlüsseln ihres eigenen Haushalts.`
  if (seen === 'some')
    return `Verletzung der Vertraulichkeit mit Offenlegung. ${over} Ein Teil davon ließ sich dort öffnen.`
  return `Verletzung der Vertraulichkeit. ${over} Ob sie sich dort öffnen ließen, ist noch nicht bekannt.`
}

function consequences({ seen }: DraftFacts): string {
  if (seen === 'none')
    return 'Niemand außerhalb eines Haushalts konnte etwas von ihm sehen oder hören. Die Inhalte waren für jeden ohne die Schlüssel dieses Haushalts unverständlich (Verschlüsselung nach dem Stand der Technik, Art. 34 Abs. 3 lit. a). Ein Risiko für die Rechte und Freiheiten von Menschen halten wir für unwahrscheinlich.'
  if (seen === 'some')
    return 'Menschen in einem anderen Haushalt haben möglicherweise das Innere einer Wohnung gesehen oder gehört: Verlust der Privatsphäre an ihrem geschütztesten Ort, Kenntnis von Gewohnheiten und Abwesenheiten, seelische Belastung und, wo Aufnahmen aufbewahrt wurden, deren weitere Verwendung. Wir halten das Risiko für hoch.'
  return 'Solange nicht feststeht, ob Inhalte geöffnet werden konnten, ist von einem Verlust der Privatsphäre in Wohnungen auszugehen.'
}

function residual({ seen }: DraftFacts): string {
  return seen === 'none'
    ? 'Was bleibt: Andere können erfahren haben, dass ein Haushalt etwas aufgezeichnet hat, wann und ungefähr wie viel; und ein Haushalt war beunruhigt.'
    : 'Außerdem können andere erfahren haben, wann ein Haushalt etwas aufgezeichnet hat und ungefähr wie viel.'
}

function communication({ seen }: DraftFacts): string {
  return seen === 'none'
    ? 'Art. 34 verlangt sie nicht, wenn die Daten für die Empfänger unverständlich waren (Art. 34 Abs. 3 lit. a). Wir informieren die betroffenen Haushalte dennoch; ein Entwurf liegt bei.'
    : 'Bei hohem Risiko ist sie unverzüglich erforderlich (Art. 34 Abs. 1); ein Entwurf liegt bei.'
}

function forPeople({ seen, cameOver }: DraftFacts): string {
  if (seen === 'none')
    return `Nein. Ihre Kamera versiegelt, was sie aufnimmt, bevor sie etwas sendet, mit Schlüsseln, die nur die Mitglieder Ihres Haushalts haben.${cameOver ? ' Versiegelte Dateien können einen anderen Haushalt erreicht haben. Öffnen konnte sie dort niemand: kein Video, kein Bild, kein Ton, keine Gesichter.' : ' Nichts von Ihnen hat einen anderen Haushalt erreicht.'}`
  if (seen === 'some') return 'Ja, bei einem Teil der Aufnahmen war das möglich. Es tut uns leid.'
  return 'Das wissen wir noch nicht. Sobald wir es wissen, schreiben wir Ihnen wieder.'
}

function limits({ seen }: DraftFacts): string {
  return seen === 'none'
    ? 'Andere können allenfalls bemerkt haben, dass Ihre Kamera etwas gesendet hat, wann und wie viel.'
    : 'Sehen Sie Ihre Aufnahmen aus dieser Zeit durch: Sie zeigen, was sichtbar gewesen sein kann.'
}
