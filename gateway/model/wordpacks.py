"""What people answer, by language: opt-out, help and opt-in words, yes and no, and the courtesies around them.

Data only; `gateway.model.words` reads it. Every entry is written as `normalise` leaves it (upper case, no accents, no
punctuation), which a test checks. Sources: `engagement.md` 2.2 (carriers' and platforms' lists); the phrases and
misspellings are those that can mean nothing else when they are the whole message. What is ambiguous ("enough", "leave
me alone", "stop it") is left to a person on purpose.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pack:
    """The words of one language. An English word works in every language, since texts and habits carry it there.

    thanks: the courtesies that end a talk, and ask for nothing.
    """

    stop: frozenset[str]
    help: frozenset[str]
    yes: frozenset[str]
    no: frozenset[str]
    agent: frozenset[str]
    courtesies: frozenset[str]
    thanks: frozenset[str]
    start: frozenset[str] = frozenset()


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word.strip() for line in lines for word in line.split("|"))


_EN = Pack(
    stop=_words(
        "STOP|STOPALL|STOP ALL|UNSUBSCRIBE|UNSUB|CANCEL|END|QUIT|REVOKE|OPTOUT|OPT OUT|REMOVE",
        "STOP NOW|STOP TEXTING|STOP TEXTING ME|STOP MESSAGING ME|STOP CONTACTING ME|STOP SENDING ME MESSAGES",
        "STOP SENDING ME TEXTS|STOP THESE TEXTS|STOP THESE MESSAGES|STOP ALL MESSAGES|STOP ALL TEXTS|STOP MESSAGES",
        "STOP TEXTS|NO MORE TEXTS|NO MORE MESSAGES|DONT TEXT ME|DO NOT TEXT ME|DONT TEXT ME AGAIN",
        "DO NOT TEXT ME AGAIN|DONT TEXT ME ANYMORE|DO NOT CONTACT ME|DONT CONTACT ME|DO NOT CONTACT ME AGAIN",
        "TAKE ME OFF YOUR LIST|TAKE ME OFF THIS LIST|TAKE ME OFF THE LIST|REMOVE ME|REMOVE ME FROM YOUR LIST",
        "REMOVE ME FROM THIS LIST|REMOVE MY NUMBER|UNSUBSCRIBE ME|OPT ME OUT|I WANT TO OPT OUT|I OPT OUT",
        "I WANT TO UNSUBSCRIBE|UNSUBSCRIBE ALL",
        # Misspellings. Not among them: STP (French "s'il te plait"), SPOT, STEP, TOP, which are words.
        "STPO|SOTP|TSOP|STOPO|STOPALLL|UNSUBCRIBE|UNSUBSCRIB|UNSUSCRIBE|UNSUBSRIBE|UNSUBSCIBE|UNSUBSCRIBLE",
        "UNSUBSCRBE|UNSUBSCRIBED|UNSUSBCRIBE|UNSUBSCRIVE|UNSUBCSRIBE|UNSUSCRIBED|UNSUBSCRIPE|UNSIBSCRIBE",
        "UN SUBSCRIBE|CANCLE|CANCELL",
    ),
    help=_words("HELP|INFO"),
    start=_words("START|UNSTOP|SUBSCRIBE"),  # never YES: it answers questions
    yes=_words("YES|Y|YEAH|YEA|YEP|YUP|SURE|YES I DO|YES I WANT IT|YES I WOULD|YES I ACCEPT|I ACCEPT"),
    no=_words("NO|N|NOPE|NAH|NAW|NOT INTERESTED|NO WAY|NO I DONT|NO I DO NOT"),
    agent=_words("AGENT|HUMAN|PERSON|OPERATOR|REPRESENTATIVE|REAL PERSON|A PERSON|AN AGENT"),
    courtesies=_words(
        "PLEASE|PLS|PLZ|PLEASE DO|KINDLY|THANKS|THANK YOU|THANKYOU|THX|THNX|TNX|TKS|TY|THANKS A LOT|THANKS SO MUCH",
        "THANK YOU SO MUCH|THANK YOU VERY MUCH|MANY THANKS|CHEERS|OK|OKAY|OKEY|K|KK|HI|HELLO|HEY|SIR|MADAM|MAAM",
        "GOOD MORNING|GOOD AFTERNOON|GOOD EVENING|SORRY|GREAT|PERFECT|COOL|NICE|AWESOME|OH|WELL|BYE|GOODBYE",
    ),
    thanks=_words(
        "THANKS|THANK YOU|THANKYOU|THX|THNX|TNX|TKS|TY|THANKS A LOT|THANKS SO MUCH|THANK YOU SO MUCH",
        "THANK YOU VERY MUCH|MANY THANKS|CHEERS|OK|OKAY|OKEY|K|KK|GREAT|PERFECT|COOL|NICE|AWESOME|BYE|GOODBYE",
    ),
)
_FR = Pack(
    stop=_words(
        "ARRET|ARRETE|ARRETER|ARRETT|ARRETEZ|FIN|DESABONNER|ME DESABONNER|DESABONNEZ MOI|DESABONNEMENT",
        "PLUS DE MESSAGES|PLUS DE SMS",
    ),
    help=_words("AIDE"),
    yes=_words("OUI|O|OUAIS|BIEN SUR|JACCEPTE"),
    no=_words("NON|N|NAN"),
    agent=_words("CONSEILLER|UN CONSEILLER|OPERATEUR|PERSONNE|HUMAIN"),
    courtesies=_words(
        "SVP|STP|SIL VOUS PLAIT|S IL VOUS PLAIT|SIL TE PLAIT|MERCI|MERCI BEAUCOUP|MERCI BIEN|BONJOUR|BONSOIR|SALUT",
        "DACCORD|D ACCORD|PARFAIT|BONNE JOURNEE|AU REVOIR",
    ),
    thanks=_words(
        "MERCI|MERCI BEAUCOUP|MERCI BIEN|DACCORD|D ACCORD|PARFAIT|BONNE JOURNEE|AU REVOIR",
    ),
)
_ES = Pack(
    stop=_words(
        "BAJA|ALTO|PARAR|PARE|CANCELAR|NO MAS|DETENER|NO MAS MENSAJES|DARME DE BAJA|DAR DE BAJA|DEME DE BAJA",
        "DAME DE BAJA|QUIERO DARME DE BAJA|DESUSCRIBIR|DESUSCRIBIRME|CANCELAR SUSCRIPCION",
    ),
    help=_words("AYUDA"),
    yes=_words("SI|S|CLARO|CLARO QUE SI|POR SUPUESTO|DALE|SI QUIERO|ACEPTO|SI ACEPTO|SIP"),
    no=_words("NO|N|NO QUIERO|NO ME INTERESA|NEL|NOP"),
    agent=_words("AGENTE|UN AGENTE|PERSONA|UNA PERSONA|HUMANO|OPERADOR|ASESOR"),
    courtesies=_words(
        "POR FAVOR|PORFAVOR|PORFA|GRACIAS|MUCHAS GRACIAS|MIL GRACIAS|HOLA|BUENOS DIAS|BUENAS TARDES|BUENAS NOCHES",
        "BUENAS|VALE|DE ACUERDO|BUENO|PERDON|DISCULPE|GENIAL|PERFECTO|ADIOS|SALUDOS",
    ),
    thanks=_words(
        "GRACIAS|MUCHAS GRACIAS|MIL GRACIAS|VALE|DE ACUERDO|GENIAL|PERFECTO|ADIOS|SALUDOS",
    ),
)
_DE = Pack(
    stop=_words("STOPP|ABMELDEN|ENDE|ABBESTELLEN|AUFHOREN|KEINE SMS MEHR|KEINE NACHRICHTEN MEHR"),
    help=_words("HILFE"),
    yes=_words("JA|J|JAWOHL|JEP|JA ICH WILL|NATURLICH"),
    no=_words("NEIN|N|NEE|NO"),
    agent=_words("MITARBEITER|MENSCH|BERATER|EIN MITARBEITER"),
    courtesies=_words(
        "BITTE|DANKE|VIELEN DANK|DANKE SCHON|DANKESCHON|DANKE SEHR|BITTE SCHON|HALLO|GUTEN TAG|GUTEN MORGEN",
        "GUTEN ABEND|MFG|SUPER|GERNE|TSCHUSS|ALLES KLAR",
    ),
    thanks=_words(
        "DANKE|VIELEN DANK|DANKE SCHON|DANKESCHON|DANKE SEHR|MFG|SUPER|TSCHUSS|ALLES KLAR",
    ),
)
_PT = Pack(
    stop=_words("PARAR|PARE|SAIR|CANCELAR|DESCADASTRAR|NAO QUERO MAIS|CHEGA DE MENSAGENS"),
    help=_words("AJUDA"),
    yes=_words("SIM|S|CLARO|COM CERTEZA|ACEITO|QUERO"),
    no=_words("NAO|N|NAO QUERO"),
    agent=_words("ATENDENTE|AGENTE|PESSOA|HUMANO|OPERADOR"),
    courtesies=_words(
        "POR FAVOR|PF|PFV|OBRIGADO|OBRIGADA|MUITO OBRIGADO|MUITO OBRIGADA|VALEU|OLA|OI|BOM DIA|BOA TARDE|BOA NOITE",
        "TUDO BEM|PERFEITO|OTIMO",
    ),
    thanks=_words(
        "OBRIGADO|OBRIGADA|MUITO OBRIGADO|MUITO OBRIGADA|VALEU|TUDO BEM|PERFEITO|OTIMO",
    ),
)
_IT = Pack(
    stop=_words("FERMA|ANNULLA|BASTA|FERMATI|CANCELLAMI|DISISCRIVIMI|CANCELLATEMI"),
    help=_words("AIUTO"),
    yes=_words("SI|S|CERTO|CERTAMENTE|ACCETTO"),
    no=_words("NO|N"),
    agent=_words("OPERATORE|AGENTE|PERSONA|UNA PERSONA|UN OPERATORE"),
    courtesies=_words(
        "PER FAVORE|PER PIACERE|PER CORTESIA|GRAZIE|GRAZIE MILLE|MOLTE GRAZIE|CIAO|BUONGIORNO|BUONASERA|SALVE",
        "VA BENE|PERFETTO|ARRIVEDERCI",
    ),
    thanks=_words(
        "GRAZIE|GRAZIE MILLE|MOLTE GRAZIE|VA BENE|PERFETTO|ARRIVEDERCI",
    ),
)

PACKS = {"en": _EN, "fr": _FR, "es": _ES, "de": _DE, "pt": _PT, "it": _IT}
