"""What people and machines say when they answer a call, in six languages. `bench.greetings` measures it.

The aims are about `PEOPLE` and `MACHINES`; how `calling.speech.answering` did with them was looked at when
its rules were made. The `LATER` ones are harder and were written before these rules, which were not tried
with them: half of their people say the name of a company and a greeting or a name.
"""

from __future__ import annotations

from typing import Final

PEOPLE: Final = {
    "en-us": (
        "Hello?",
        "Yes?",
        "Good morning, Smith speaking.",
        "This is Anna.",
        "Hello, who is this?",
        "Parker's Garage, good afternoon.",
    ),
    "de": (
        "Hallo?",
        "Schmidt.",
        "Ja, bitte?",
        "Guten Tag, Müller am Apparat.",
        "Praxis Doktor Weber, guten Morgen.",
        "Ja hallo, wer ist da?",
    ),
    "fr": (
        "Allô?",
        "Oui?",
        "Oui, bonjour.",
        "Bonjour, Marie Dupont à l'appareil.",
        "Société Martin, bonjour.",
        "Allô, qui est à l'appareil?",
    ),
    "es": (
        "¿Diga?",
        "¿Sí?",
        "Hola, buenos días.",
        "¿Bueno, quién habla?",
        "Restaurante Sol, buenas tardes.",
        "Sí, soy Carmen.",
    ),
    "it": (
        "Pronto?",
        "Sì?",
        "Pronto, chi parla?",
        "Buongiorno, sono Paolo.",
        "Studio Rossi, buonasera.",
        "Sì, pronto, mi dica.",
    ),
    "nl": (
        "Hallo?",
        "Met Jan de Vries.",
        "Goedemorgen, met Bakker.",
        "Ja, hallo?",
        "Hallo, met wie spreek ik?",
        "Garage Jansen, goedemiddag.",
    ),
}
MACHINES: Final = {
    "en-us": (
        "Hi, you have reached the voicemail of Peter. Please leave a message after the tone.",
        "The person you have called is not available right now. Please record your message.",
        "Thank you for calling Miller and Sons. Our office is closed. We open again on Monday at nine.",
        "Hello, this is Jane. I cannot come to the phone, so please try again later.",
        "Your call has been forwarded to an automated voice messaging system.",
    ),
    "de": (
        "Hallo, hier ist der Anrufbeantworter von Familie Becker. Bitte sprechen Sie nach dem Ton.",
        "Der Teilnehmer ist zurzeit nicht erreichbar. Bitte hinterlassen Sie eine Nachricht.",
        "Vielen Dank für Ihren Anruf. Unser Büro ist zurzeit geschlossen.",
        "Guten Tag, ich bin gerade unterwegs und rufe Sie so bald wie möglich zurück.",
        "Sie sind mit der Mailbox der angerufenen Nummer verbunden.",
    ),
    "fr": (
        "Bonjour, vous êtes bien sur le répondeur de Marie. Laissez un message après le bip.",
        "Votre correspondant n'est pas disponible pour le moment. Veuillez laisser un message.",
        "Merci de votre appel. Nos bureaux sont actuellement fermés.",
        "Bonjour, je ne peux pas vous répondre, mais je vous rappelle dès que possible.",
        "Vous êtes en communication avec la messagerie vocale du numéro que vous avez composé.",
    ),
    "es": (
        "Hola, este es el contestador de la familia García. Deje su mensaje después de la señal.",
        "El teléfono al que llama está apagado o fuera de cobertura en este momento.",
        "Gracias por llamar. Nuestras oficinas están cerradas hasta el lunes.",
        "Hola, ahora no puedo atenderte, pero te llamo en cuanto pueda.",
        "Ha llamado al buzón de voz del número que acaba de marcar.",
    ),
    "it": (
        "Risponde la segreteria telefonica di Paolo. Lasciate un messaggio dopo il segnale.",
        "Il cliente da lei chiamato non è al momento raggiungibile. La preghiamo di riprovare più tardi.",
        "Grazie per averci chiamato. I nostri uffici sono chiusi fino a lunedì.",
        "Ciao, adesso non posso rispondere, ma ti richiamo appena possibile.",
        "Questa è la casella vocale del numero che avete appena composto.",
    ),
    "nl": (
        "Dit is het antwoordapparaat van de familie Jansen. Spreek een bericht in na de piep.",
        "De persoon die u belt is op dit moment niet bereikbaar. Probeer het later nog eens.",
        "Bedankt voor het bellen. Ons kantoor is op dit moment gesloten.",
        "Hallo, ik kan de telefoon nu niet opnemen, maar ik bel u zo snel mogelijk terug.",
        "U bent verbonden met de voicemail van het nummer dat u heeft gebeld.",
    ),
}
LATER_PEOPLE: Final = {
    "en-us": (
        "Yeah, hi?",
        "Lakeside Dental, this is Karen.",
        "Hello, Tom Bradley here.",
        "Front desk, good evening, how can I help?",
    ),
    "de": (
        "Ja, Hoffmann?",
        "Autohaus Lindner, guten Tag.",
        "Bäckerei Krause, Sie sprechen mit Anna.",
        "Hallo, mit wem spreche ich?",
    ),
    "fr": (
        "Allô oui, j'écoute?",
        "Cabinet du docteur Petit, bonjour.",
        "Garage Moreau, Sophie à l'appareil.",
        "Oui, allô, c'est qui?",
    ),
    "es": (
        "¿Sí, dígame?",
        "Clínica Santa Ana, buenos días.",
        "Talleres Romero, le atiende Luis.",
        "Hola, ¿con quién hablo?",
    ),
    "it": (
        "Sì, chi è?",
        "Farmacia Centrale, buongiorno.",
        "Pizzeria Bella Napoli, sono Marco.",
        "Pronto, buonasera, dica pure.",
    ),
    "nl": (
        "Ja, met Peter.",
        "Huisartsenpraktijk De Linde, goedemorgen.",
        "Bloemenwinkel Rozemarijn, met Eva.",
        "Goedenavond, met mevrouw Visser.",
    ),
}
LATER_MACHINES: Final = {
    "en-us": (
        "Hey, it's Mike. You know what to do after the beep.",
        "We're sorry, all of our agents are busy. Please stay on the line.",
        "You've reached the Hendersons. We're out at the moment, so leave your name and number.",
        "The mailbox of this subscriber is full. Goodbye.",
    ),
    "de": (
        "Hi, hier ist Jonas. Ich kann gerade nicht, sprich mir einfach was drauf.",
        "Diese Rufnummer ist uns nicht bekannt. Bitte rufen Sie die Auskunft an.",
        "Sie rufen außerhalb unserer Sprechzeiten an. Wir sind ab acht Uhr wieder für Sie da.",
        "Guten Tag, Sie haben die Kanzlei Vogel und Partner erreicht. Bitte hinterlassen Sie Ihren Namen.",
    ),
    "fr": (
        "Salut, c'est Julien. Je ne suis pas là, alors laisse-moi un petit mot.",
        "Le numéro que vous demandez n'est pas attribué.",
        "Vous êtes chez les Lefèvre. Nous sommes absents, merci de rappeler ce soir.",
        "Toutes nos lignes sont occupées. Veuillez patienter quelques instants.",
    ),
    "es": (
        "Hola, soy Pablo. No estoy en casa, así que deja tu mensaje.",
        "El número marcado no existe. Por favor, compruebe el número.",
        "Todos nuestros agentes están ocupados. Manténgase a la espera.",
        "Está llamando fuera de nuestro horario de atención al público.",
    ),
    "it": (
        "Ciao, sono Giulia. Non sono in casa, lascia pure un messaggio.",
        "Il numero selezionato è inesistente. Si prega di verificare.",
        "Tutti i nostri operatori sono occupati. Restate in attesa.",
        "State chiamando fuori dall'orario di apertura dei nostri uffici.",
    ),
    "nl": (
        "Hoi, met Daan. Ik ben er even niet, dus spreek wat in.",
        "Dit nummer is niet in gebruik. Controleer het nummer en bel opnieuw.",
        "Al onze medewerkers zijn in gesprek. Blijft u aan de lijn.",
        "U belt buiten onze openingstijden. Wij zijn morgen vanaf negen uur bereikbaar.",
    ),
}
