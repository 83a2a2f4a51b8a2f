"""How much of a sentence is left when the words are taken away that tell of nothing in particular.

Function words (`of`, `the`), words for anything (`person`, `object`, `does`), for not knowing (`unclear`) and for the
task (`paragraph`, `describe`) are common to all answers that describe nothing: prompts said in other words, talk of
frames and instructions, refusals, offers, guesses. What is left in them is little; in a description it is most of the
words.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from hoigen.models.experts import languages


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The bland words of a language. `*` at the end of a word: any ending.

    Args:
        function: articles, pronouns, prepositions, auxiliaries, numbers.
        vague: words for anything, and what is said where nothing is known.
        task: what an answer calls itself, its input, its order, and what hinders it.
        polite: with which an answer to an order begins.
        actor: who or what acts in particular; no bland words.
        doubt: words of not knowing, a pattern.
        dangling: function words after which a sentence goes on.
    """

    function: str
    vague: str
    task: str
    polite: str
    actor: str
    doubt: str
    dangling: str = ""


LEXICONS: dict[str, Lexicon] = {
    "en": Lexicon(
        "a an the and or but of at to from with into onto by for as while which that who whose whom where when "
        "not does do did doing done can cannot could will would shall should may might must very than then if "
        "because his her its their he she they them him it is are was were be been being has have had having "
        "until this these those there here between toward towards in on over under up down out off about after "
        "before during through across against along among around near each every all any some both either neither "
        "no nor so such more most less least other others another same one ones two three four five what how why "
        "whether also only just too yet again ever never itself himself herself themselves own within without t s "
        "me my i you your we our us yes else somewhere well like",
        "person* people humans human individual* someone somebody anyone nobody everyone object* item* thing* "
        "something anything nothing scene* clip* video* footage moment* action* act activit* interact* event* "
        "happen* occur* environment* surrounding* setting* context* part* way* manner* kind* type* various "
        "several many different certain* particular exact* precise* clear* unclear definit* appear* seem* look* "
        "show* see seen visible view* involv* use used uses using perform* handl* engag* manipulat* possib* "
        "perhaps maybe likely probabl* determin* tell say says said stated know* known unknown sure identif* "
        "discern* distinguish* indicat* suggest* remain* open question* information insufficient enough "
        "ambiguous* vague* interpret* difficult hard impossible able unable time order chronolog* sequence* "
        "position* state states change* changes result* move* moving make makes made making purpose nature "
        "meaning intent* goal reason case fact idea account* relat* amount degree level presence present exist* "
        "figure notic* gradual* whatever anywhere somehow sort matter merely simply rather quite really actually "
        "main general* specific* overall basic* everyday subject* location* whatsoever sense progress albeit "
        "defies stuff firm statement observe observes observed observation* going leaves leave left-open "
        "conclusion quality guess guesses guesswork anyone's reveal* allow allows evident* obvious* apparent* "
        "undetermined unspecified unidentif* indistinct blurry blurred low resolution grainy obscure* confus* "
        "meaningless noteworthy significan* relevan* impression basically typical* indoor ongoing engage* "
        "concern* regard* correspond* assum* presum* suppos* infer* deduc* hypothe* doubt* certaint* confident* "
        "reliabl* recogni* understand* comprehen* lack lacking limited short somewhat partial* whole entire total "
        "entity participant* protagonist occurrence happening situation* circumstance* instance example* "
        "interplay usage consist* consists working existence recognis* distinct detectable beforehand elsewhere "
        "due per se far argue* proof subtle categor* involved pin angle",
        "describ* description* caption* paragraph* prompt* request* requir* instruction* instructed guideline* "
        "task* sentence* bullet* point points summar* text texts draft* stills frames images pictures image "
        "heading* word words plain annotat* dataset training data answer* provided supplied given sampled model* "
        "attention focus* detail* detailed mention* include* note noted follow* above below limit* shorten* "
        "version* write* written based asked meant format output content* fulfil* assist* help* happy glad "
        "feedback access* load* upload* attach* receiv* sent file files process* polic* violat* safety privacy "
        "restrict* filter* sorry apolog* unfortunately regrettably comply declin* refus* response* segment* "
        "divid* seconds speculat* screenshots expand* needed additional further accurate inaccurate generat* "
        "automatic* correct* suitable purpose* tone style title list lists language english single sure certainly "
        "okay ok absolutely great thanks thank hello hi gladly welcome course alright perfect understood problem "
        "analyz* analyse* analysi* timestamp* recording terms reviewer evidence visual available conclu* "
        "approximately input endpoint disabled supposed narrat* report* overview breakdown entry record label* "
        "tag tags transcri* expla* elaborat* clarif* specif* revis* rewrit* rephras* edit edited final updated "
        "concise adher* conform* criteri* rule rules constraint* length tokens json markdown chronological "
        "sequential user assistant ai chatbot vision system query inquir* permit* permission beyond role capab* "
        "abilit* legal ethic* moral harm* unsafe appropriate inappropriate sensitive explicit identity personal "
        "rest reasons missing wish* prefer* pleas* enjoy* appreciat* shar* lovely nice interesting shortly wait "
        "prepared observations observation preferable link broken denied blank contents generated reading "
        "conclude* concludes finished free helpful conversation* dialogue* attachment* viewing",
        "sure certainly okay ok absolutely great thanks thank hello hi gladly welcome course alright perfect "
        "understood problem",
        "man men woman women boy* girl* child* kid kids baby babies toddler* lady ladies guy guys hand hands "
        "finger* thumb* palm* he she his her him couple friend* mother* father* brother* sister* daughter* son "
        "sons grandm* grandf* student* teacher* doctor* nurse* dog dogs cat cats robot* arm arms foot feet cook "
        "cooks chef* guard* clerk* team crowd i",
        r"\b(?:unclear|uncertain\w*|unknown|perhaps|possibly|maybe|may|might|could|(?:not|n['’]t) (?:be )?\w*|"
        r"cannot|hard|difficult|impossible|no|nothing|question|seems?|appears?|some\w*|ambiguous|whether)\b",
    ),
    "de": Lexicon(
        "der die das den dem des ein eine einen einem einer eines und oder aber von vom zu zum zur mit in im ins "
        "an am auf aus bei beim bis durch für gegen nach ohne über unter um vor vorne hinter neben zwischen seit "
        "während als wie wenn falls ob dass weil da dort hier ist sind war waren wird werden wurde wurden sein "
        "hat haben hatte kann können könnte konnte soll sollen sollte sollten muss müssen darf dürfen mag möchte "
        "will nicht kein keine keinen keiner keinem er sie es ihr ihm ihn sich man ich mir mich wir uns du dir "
        "dich ihnen seine seiner seinen seinem ihre ihren ihrem ihrer dies* jede* jene* was wer wo womit welch* "
        "auch nur noch schon sehr so dann danach etwa mehr weniger zwei drei vier eins beide* andere* einige* "
        "alle* viele* gerne bitte",
        "person* mensch* jemand niemand individu* objekt* gegenst* ding* sache* etwas nichts irgend* szene* clip* "
        "video* aufnahme* moment* zeitpunkt* handlung* tätigkeit* aktivität* interak* interag* umgang* umgeh* "
        "geschieh* geschehen* passier* gescheh* macht machen tut tun mach* getan umgebung* zusammenhang* kontext* "
        "teil* art weise verschieden* bestimmt* genau* klar* unklar* eindeutig* sicher* schein* scheint sieht "
        "sehen sichtbar* erkenn* zeig* benutz* verwend* nutz* ausführ* möglich* vielleicht wahrscheinlich* "
        "vermutlich* bestimm* feststell* sagen lässt lassen sag* weiß wissen schwer schwierig unmöglich deutlich* "
        "bewegt bewegung* lage position* nacheinander reihenfolge* offen bleibt bleiben zweck bedeutung grund "
        "fall gestalt anzahl gibt anwesend* mehrdeutig* beliebig* unscharf verschwommen allgemein* einfach "
        "lediglich bloß beziehung handel* könne dunkeln auszumachen ausmachen worum ging qualität schluss "
        "rückschluss zulass* zulässt offensichtlich* unscharf* unkenntlich* erahn* rät* rätsel* situation* "
        "umständ* beispiel* typisch* vorgang vorgänge geschehnis* vermut* annahme* zweifel* gewissheit deutung* "
        "ausreichend* mangel* fehlen* kurz ganz teilweise einzelne wirklich tatsächlich überhaupt heraus "
        "herausfinden beteilig* betreffend* jeweilig*",
        "beschreib* beschrieb* bildbeschreib* absatz* absätz* text* aufgab* anfrag* anweis* vorgab* prompt* "
        "deutsch* bildunterschrift* unterschrift* stichpunkt* satz sätze* zusammenfass* einzelbild* bilder* "
        "bildern frames* bereitgestellt* gegeben* gewünscht* angefordert* einzelheit* detail* erwähn* inhalt* "
        "version* fassung* hinweis* wörter* worte* beruh* basier* angab* antwort* frage* datenschutz* "
        "privatsphär* gründen erlaubt* melden meld* hoff* brauch* benötig* rückfrage* weitere* länger* kürzer* "
        "ausführlich* lad* geladen lädt hochgeladen hochlad* zugriff zugang datei* anhang angehängt empfang* "
        "schick* gesendet send* verarbeit* analysier* richtlinie* nutzungsrichtlinie* verstöß* verstoß* verboten "
        "sicherheit* leider bedauer* entschuldig* helf* hilfe folgend* folgt vorliegen verfügbar verfügung "
        "training* ergänz* länge ansehen abspiel* sofort gleich gern natürlich selbstverständlich klar danke dank "
        "vielen hallo okay ok sicher freilich verstanden einverstanden jawohl alles abschnitt* glieder* "
        "mitgeschick* auskunft einzelaufnahm* wortzahl gemacht erzähl* bericht* überblick eintrag* bezeichn* "
        "erklär* erläuter* überarbeit* endgültig* kurzfassung regeln zeichen nutzer* assistent* sprachmodell* ki "
        "system abfrag* erlaub* berechtig* fähigkeit* rechtlich* ethisch* unangemessen* sensib* identität "
        "persönlich* übrige* rest gründe* fehlt wunsch wünsch* schön* interessant* warten moment vorbereit* "
        "hilfreich* fertig ende erstell* generier* verfass* formulier* liefer* beschädig* abspielbar* geschehen",
        "gerne gern natürlich selbstverständlich klar danke dank vielen hallo okay ok sicher freilich verstanden "
        "sehr einverstanden jawohl alles wird gemacht",
        "mann* männer* frau* junge jungen mädchen kind* herr* dame* hand hände* finger* daumen er baby* mutter* "
        "vater* bruder schwester* freund* hund* katze* roboter* koch köchin* ärzt* arzt* lehrer* ich",
        r"\b(?:unklar\w*|vielleicht|möglicherweise|wahrscheinlich|vermutlich|nicht|kein\w*|schwer|schwierig|"
        r"unmöglich|irgend\w+|etwas|jemand|könnte|scheint|ob)\b",
        "der die das den dem des ein eine einen einem einer eines und oder aber von vom zum zur mit im ins am für "
        "ohne über als wie dass weil ist sind seine seiner seinen seinem ihre ihren ihrem ihrer während indem",
    ),
    "es": Lexicon(
        "el la los las un una unos unas lo y e o u pero de del al a en con por para sin sobre entre hasta desde "
        "hacia según como cuando mientras si que qué quién quien cuál cual cuáles donde dónde no ni ya muy más "
        "menos su sus se le les me te nos es son era está están estaba esté ser estar fue ha han hay había haya "
        "puede pueden podría debe deben debería este esta estos estas ese esa eso esto aquel* otro otra otros "
        "otras algún alguna algunos algunas ningún ninguna todo toda todos todas cada mismo misma también solo "
        "sólo dos tres cuatro usted tu",
        "persona* gente humano* individuo* alguien nadie objeto* cosa* algo nada elemento* escena* clip* vídeo* "
        "video* grabación* momento* acción* actividad* interac* interact* evento* suced* ocurr* pas* haciendo "
        "hace hacer hacen entorno* contexto* parte* manera* forma* tipo* varios varias distint* diferent* "
        "determinad* ciert* exact* clar* claridad definid* parec* muestr* mostr* ve ven ver verse visible* "
        "observ* us* utiliz* emple* realiz* manej* manipul* quizá* quizás acaso posibl* probabl* determin* decir "
        "sabe saber queda distingu* identific* precis* difícil imposible información mueve mover posición* orden "
        "cronológ* propósito naturaleza significado caso figura cantidad ambigu* cualquier* tratarse trata "
        "interpret* permite borros* general simplemente relación complicad* precisar suceder calidad conclusión "
        "conclui* evident* obvi* nítid* adivin* situación* circunstanci* ejemplo* típic* suposi* supon* duda* "
        "certeza interpretación* suficient* falta corto breve parcial* realmente exactamente apreci* percib* "
        "reconoc* entend* comprend* asegur* afirm* consist* relacion* impid* impedir opción",
        "describ* descri* párrafo* texto* tarea* solicitud* solicit* pide pid* petición* instruccion* indicacion* "
        "leyenda* pie frase* resum* fotograma* imágenes español* proporcionad* dad* presenta* continuación "
        "detalle* mencion* contenido* versión* nota* palabra* bas* respuesta* pregunta* permit* necesit* dud* "
        "añad* añada gusto esper* ayud* útil quier* automátic* generad* privacidad carg* subid* adjunt* archivo* "
        "acceso accesib* recib* envi* proces* analiz* política* norma* seguridad motivo* prohibid* lament* "
        "disculp* compartir avísame tienes cambios siguiente* explic* formato claro supuesto gracias hola "
        "encantad* vale acuerdo bueno luego perfecto entendido muchas asistente virtual capacidad* limit* cuadros "
        "ahora narra* informe resumen* entrada* etiquet* aclar* revis* final* reglas longitud usuario* modelo* "
        "lenguaje sistema* consulta* permiso* autoriz* legal* étic* inapropiad* sensible* identidad personal* "
        "resto razon* falta* deseo dese* bonit* interesante* espere momento prepar* útil* redact* elabor* formul* "
        "cumpl* quedo disposición dispos* dañad* reproduc*",
        "claro supuesto gracias hola gusto encantad* vale acuerdo bueno desde luego perfecto entendido muchas "
        "ahora mismo",
        "hombre* mujer* niñ* chic* señor* mano manos dedo* él ella bebé* madre* padre* herman* amig* perr* gat* "
        "robot* joven* jóven* abuel* cociner* profesor* yo",
        r"\b(?:quizás?|tal vez|acaso|posiblemente|probablemente|no|nada|algo|alguien|difícil|imposible|parece|"
        r"podría|ningun[ao]?|ningún)\b",
        "el la los las un una y e o pero de del al a en con por para sin sobre entre desde hacia como cuando "
        "mientras que su sus se es son muy más cada",
    ),
    "fr": Lexicon(
        "le la les l un une des du de d et ou mais à au aux en dans par pour sur sous avec sans entre chez vers "
        "depuis pendant comme quand si que qu qui quoi quel quelle quels quelles dont où ne n pas plus moins très "
        "ni se s son sa ses leur leurs il elle ils elles on ce c cet cette ces cela ça est sont était étaient "
        "être soit a ont avoir avait fut peut peuvent pourrait doit doivent devrait tout toute tous toutes chaque "
        "autre autres même aussi seulement deux trois quatre je j me m te t nous vous y lui bien",
        "personne* gens humain* individu* quelqu* objet* chose* rien élément* scène* clip* vidéo* séquence* "
        "moment* action* activité* interac* interag* événement* pass* produi* fait faire font fai* environnement* "
        "contexte* partie* manière* façon* type* sorte* divers* différent* certain* exact* clair* clairement "
        "précis* sembl* paraî* montr* voi* voit voir visible* observ* utilis* emplo* réalis* manipul* peut-être "
        "possibl* probabl* détermin* dire sait savoir ignor* distingu* identifi* difficil* impossible* déplac* "
        "position* ordre chronolog* information* but nature sens cas figure nombre ambigu* flou* interprét* "
        "importe simplement général* rapport relation reste laquelle indéterminé* compliqué* qualité conclusion* "
        "conclu* évident* devin* situation* circonstance* exemple* typique* suppos* doute* certitude* "
        "interprétation* suffisant* suffisamment manque* court* bref* partiel* vraiment réellement perçoi* "
        "reconn* comprend* affirm* consist* permet* dérou* quelconque bon mauvais* vague* empêch*",
        "décri* descri* paragraphe* texte* tâche* demand* consigne* instruction* légende* phrase* résum* "
        "français* images fournie* fourni* donné* présent* présente* d'après après voici détail* détaillée* "
        "mention* contenu* version* remarque* note mot mots bas* repos* réponse* question* autoris* besoin hésit* "
        "souhait* espèr* aid* utile* plaisir disposition confiance arrive suite conform* confidential* quelques "
        "longue* courte* s'agit agit charg* téléch* joint jointe fichier* accès accessib* reç* envoy* renvoy* "
        "trait* analys* politique* règle* sécurité raison* interdit* malheureusement désolé* regret* convien* "
        "préfère préfér* suivant* ajout* écri* rédig* sûr volontiers merci bonjour accord certainement entendu "
        "parfait absolument beaucoup clichés clos image reçue reçues narrat* rapport* aperçu entrée étiquet* "
        "expli* précis* révis* final* règles longueur utilisat* modèle* langage système* requête* permis* "
        "capacité* légal* éthi* inappropri* sensible* identité personnel* reste* motif* manqu* désir* joli* "
        "intéressant* patient* prépar* util* élabor* respect* illisible* dispos* endommag*",
        "bien sûr volontiers plaisir merci bonjour accord certainement entendu parfait absolument beaucoup",
        "homme* femme* garçon* fille* enfant* monsieur dame* main mains doigt* il elle ils elles bébé* mère* "
        "père* frère* sœur* ami* chien* chat* robot* cuisini* maître* je",
        r"\b(?:peut-être|possible\w*|probable\w*|pas|rien|ignore|quelqu\w+|quelque chose|difficile|impossible|"
        r"semble|pourrait|aucun\w*)\b",
        "le la les l un une des du de d et ou mais à au aux en dans par pour sur sous avec sans entre chez vers "
        "comme que qu qui dont ne son sa ses leur leurs ce cet cette ces est sont très",
    ),
    "it": Lexicon(
        "il lo la i gli le l un uno una di del dello della dei degli delle d a al allo alla ai agli alle all da "
        "dal dalla dai dalle dall in nel nello nella nei negli nelle nell con su sul sulla sui sulle sull per tra "
        "fra e ed o ma se che chi cui quale quali cosa come quando mentre dove non né ne più meno molto si ci vi "
        "mi ti suo sua suoi sue loro lui lei è sono era essere sia stia sta stanno ha hanno avere può possono "
        "potrebbe deve devono dovrebbe questo questa questi queste quello quella altro altra altri altre ogni "
        "tutto tutta tutti stesso anche solo due tre quattro",
        "person* gente uman* individu* qualcun* nessun* oggett* cose qualcosa niente nulla element* scen* clip* "
        "video* filmat* moment* azion* attività* interag* interaz* event* succed* accad* facendo fa fare fanno "
        "ambient* contest* parte* modo* maniera* tipo* vari* divers* cert* esatt* chiar* precis* sembr* par* "
        "mostr* vede vedono vedere visibil* osserv* us* utilizz* impieg* svolg* esegu* manipol* maneggi* forse "
        "possibil* probabil* determin* dire sapere stabilir* capir* distingu* identific* difficil* impossibil* "
        "spost* posizion* ordine cronolog* informazion* principal* scopo natura significato caso figura numero "
        "qualsiasi ambigu* sfocat* interpret* semplicemente generale rapporto relazione trattarsi dirlo "
        "complicat* capisce qualità conclusion* conclud* evident* indovin* situazion* circostanz* esempio tipic* "
        "suppo* dubbi* certezza interpretazion* sufficient* manca* breve parzial* davvero realmente riconosc* "
        "comprend* afferm* consist* permett* svolgendo accadendo qualche alcunché consent* impedi*",
        "descri* paragraf* testo* compito* richiest* istruzion* indicazion* didascali* frase* frasi riassu* "
        "fotogramm* immagini italian* fornit* dat* ecco presenta* dettagl* menzion* contenut* version* nota "
        "parol* bas* rispost* domand* bisogn* serv* spero sper* aiut* util* basta chied* fammi sapere vuoi "
        "soddisfatt* motiv* sicurezza ricevut* breve* lung* privacy qui caric* allegat* file accesso accessib* "
        "ricev* invi* elabor* analizz* politic* regol* vietat* purtroppo spiacent* dispiace scus* interessant* "
        "aggiung* particolar* seguent* riesc* condivis* consist* certo certamente volentieri grazie ciao piacere "
        "naturalmente perfetto va bene salve capito disposizione modific* narra* rapporto riepilog* riassum* voce "
        "etichett* spieg* chiari* rivist* final* regole lunghezza utente* modello* linguaggio sistema* permess* "
        "autorizz* capacità legal* etic* inappropriat* sensibil* identità personal* resto manc* desider* bello "
        "bella attend* prepar* redatt* rispett* possibile danneggiat* leggibil*",
        "certo certamente volentieri grazie ciao piacere naturalmente perfetto va bene salve capito ecco",
        "uomo uomini donna donne ragazz* bambin* signor* mano mani dito dita lui lei neonat* madre* padre* "
        "fratell* sorell* amic* cane cani gatt* robot* nonn* cuoc* maestr* io",
        r"\b(?:forse|magari|possibil\w+|probabil\w+|non|niente|nulla|qualcosa|qualcuno|difficile|impossibile|"
        r"sembra|potrebbe|nessun\w*)\b",
        "il lo la i gli le un uno una di del dello della dei degli delle a al alla ai alle da dal dalla in nel "
        "nella nei nelle con su sul sulla per tra fra e ed o ma che come mentre non si suo sua suoi sue è sono "
        "molto",
    ),
    "pt": Lexicon(
        "o a os as um uma uns umas de do da dos das em no na nos nas num numa ao à aos às por pelo pela para com "
        "sem sobre entre até desde como quando enquanto se que quem qual quais onde não nem e ou mas já muito "
        "mais menos seu sua seus suas lhe me te é são era está estão estava ser estar foi há haja tem têm pode "
        "podem poderia deve devem deveria este esta estes estas esse essa isso isto outro outra outros outras "
        "algum alguma alguns algumas nenhum nenhuma todo toda todos todas cada mesmo mesma também só apenas dois "
        "duas três quatro la lo",
        "pessoa* gente human* indivídu* alguém ninguém objeto* objecto* coisa* algo nada element* cena* clip* "
        "vídeo* video* gravaç* moment* ação* ações açao* atividade* intera* event* acontec* ocorr* pass* fazendo "
        "faz fazer fazem ambient* contexto* parte* maneira* modo* forma* tipo* vári* diferent* cert* exat* clar* "
        "definid* parec* mostr* vê veem ver visív* observ* us* utiliz* empreg* realiz* manej* manipul* talvez "
        "possív* possivelmente provavel* determin* dizer saber sabe fica disting* identific* difícil impossível "
        "informaç* mov* posiç* ordem cronológ* propósito natureza significado caso figura número qualquer ambígu* "
        "borrad* desfocad* tratar* interpret* simplesmente geral relação dizê-lo complicad* perceber qualidade "
        "conclus* conclui* evident* óbvi* adivinh* situação* situações circunstânc* exemplo* típic* supo* dúvida* "
        "certeza interpretaç* suficient* falta curto breve parcial* realmente exatamente reconhec* entend* "
        "compreend* afirm* consist* permit* desenrol* perceb* distingui* impede* impedir",
        "descr* parágraf* texto* tarefa* pedid* solicit* instruç* legenda* frase* resum* fotogram* imagens "
        "portugu* fornecid* dad* segue seguir aqui detalh* mencion* conteúd* vers* nota observaç* palavra* base* "
        "resposta* pergunta* permi* precis* dúvida* espero esper* ajud* útil quis* quer* infelizmente automatic* "
        "gerad* disposição privacidade pedir carreg* anex* arquivo* ficheiro* acesso acess* receb* envi* process* "
        "analis* polític* regr* segurança motivo* proibid* lament* desculp* sinto compartilh* partilh* acrescent* "
        "tente vez seguinte* consist* claro certeza obrigad* olá prazer perfeito certamente entendido bom volte "
        "seguinte limit* nada narra* relatório entrada* etiquet* explic* esclarec* revis* final* regras "
        "comprimento usuário* utilizador* modelo* linguagem sistema* consulta* permiss* autoriz* capacidade* "
        "legal* étic* inapropriad* inadequad* sensív* identidade pessoal* resto raz* falta* desej* bonit* "
        "interessante* aguard* momento prepar* útil* redig* elabor* cumpr* diretriz* viola* danificad*",
        "claro certeza obrigad* olá prazer perfeito certamente entendido bom muito nada",
        "homem homens mulher* menin* rapaz* rapariga* criança* senhor* mão mãos dedo* ele ela bebê* mãe* pai pais "
        "irm* amig* cão cães cachorr* gat* robô* avó avô cozinheir* professor* eu",
        r"\b(?:talvez|possivel\w*|provavel\w*|não|nada|algo|alguém|difícil|impossível|parece|poderia|"
        r"nenhum\w*|alguma?)\b",
        "o a os as um uma de do da dos das em no na nos nas num numa ao à aos às por pelo pela para com sem sobre "
        "entre desde como quando enquanto que e ou mas seu sua seus suas é são muito cada se",
    ),
    "ru": Lexicon(
        "и а но или в во на с со к ко у о об от до из за по под над при для без через между как что чтобы чем кто "
        "где когда если ли не ни да же бы то это этот эта эти этом этого этой тот та те том так также только уже "
        "ещё еще очень он она оно они его её ее их ему ей им себя свой свою своё своего своей своим своём который "
        "которая которое которые какой какая какие каким какую какого был была было были есть будет быть два две "
        "три четыре один одна одно одним одной все всё весь каждый другой другая другие более менее я мы вы мне "
        "вам нам тебе может могут можно нельзя нужно надо",
        "человек* люд* лиц* персон* кто-* что-* нибудь предмет* объект* вещ* нечто ничто ничего сцен* клип* "
        "видео* ролик* запис* момент* действ* занят* взаимодейств* событ* происход* случ* дела* обстанов* "
        "контекст* част* образ* способ* вид* разн* различн* определ* точн* ясн* неясн* понятн* непонятн* кажет* "
        "видно виден видна видн* видим* показ* наблюд* использ* пользу* выполн* соверш* манипул* возможно "
        "вероятно наверное сказать скаж* знать известн* неизвест* различ* трудно сложно невозможно информац* "
        "меняет* измен* положен* двиг* порядк* пока* цель цели смысл причин* случай фигур* количеств* любой любая "
        "любые неоднознач* размыт* просто вообще общ* разобрать присутств* какой-* какое-* какие-* какая-* "
        "каким-* где-* отношени* отсутств* делать делают некий некая некое качеств* вывод* очевид* догад* "
        "ситуаци* обстоятельств* пример* типичн* предполож* предполаг* сомнен* уверен* достаточн* недостаточн* "
        "не-хват* кратк* частичн* действительно именно узна* утвержда* заключа* позволя* характер* занима* "
        "некотор*",
        "описа* описыв* опиш* абзац* текст* задан* задач* запрос* требу* инструкц* указан* подпис* предложен* "
        "резюме кадр* изображени* русск* язык* предоставл* дан* приведен* ниже вот конечно подробн* упомин* "
        "содерж* верси* примечан* слов* основ* ответ* вопрос* разреш* хотите нужны надеюсь помо* помог* полезн* "
        "обращ* длинн* составл* неточн* список* списк* соглас* отдельн* просьб* подготов* сейчас хорошо загруз* "
        "прикреп* вложен* файл* доступ* получен* получ* отправ* пришл* обработ* анализ* правил* безопасност* "
        "запрещ* контент* сожалению извин* прости* следующ* раз изменить видеофайл* согласн* спасибо здравствуйте "
        "привет удовольствием ладно разумеется понятно пожалуйста рад просили нечего должно должен повествова* "
        "отчет* отчёт* обзор* запис* метк* поясн* объясн* исправл* итог* окончательн* длин* пользовател* "
        "ассистент* модел* языков* систем* способност* возможност* юридич* этич* неприемлем* деликатн* личност* "
        "персональн* остальн* причин* жела* красив* интересн* подожд* минут* готов* сформулир* поврежд* нарушает",
        "конечно спасибо здравствуйте привет удовольствием хорошо ладно разумеется понятно пожалуйста рад",
        "мужчин* женщин* мальчик* девочк* девушк* парен* парн* ребён* ребен* дети детей рук рука руки рукой руке "
        "руками палец пальц* он она мать матер* отец отц* брат* сестр* друг друз* собак* кош* робот* бабушк* "
        "дедушк* повар* учител* я",
        r"(?:не\s?ясн|непонятн|неизвест|возможно|вероятно|наверное|\bнельзя|невозможно|трудно|сложно|кто-то|"
        r"что-то|ничего|кажется|\bне\b)",
        "и а но или в во на с со к ко у о об от до из за по под над при для без через между как что чтобы когда "
        "если не его её их свой свою своего который которая которое которые",
    ),
    "ar": Lexicon(
        "في من على إلى عن مع بين بعد قبل عند حتى ثم أو و أن إن التي الذي الذين ما ماذا هل كيف أي هذا هذه ذلك تلك "
        "هو هي هم كان كانت يكون تكون قد لا لم لن ليس ليست غير كل بعض واحد واحدة أحد يمكن به بها له لها فيه فيها "
        "منه كما أيضا فقط أكثر حول خلال إذا",
        "شخص* أشخاص* ناس* إنسان* أحدهم جسم* أجسام* شيء* أشياء* غرض* أغراض* مشهد* مقطع* فيديو* تسجيل* لحظ* فعل* "
        "يفعل* نشاط* تفاعل* يتفاعل* حدث* يحدث* بيئ* سياق* جزء* طريق* نوع* مختلف* معين* بالضبط واضح* وضوح* يبدو "
        "تبدو يظهر* تظهر* مرئي* يستخدم* تستخدم* استخدام* يقوم* تقوم* ربما محتمل* محدد* تحديد* معرف* صعب* مستحيل* "
        "تغير* موضع* إطار* ترتيب* القول معلوم* هدف* غاي* معنى سبب* حال* عدد* مبهم* ضبابي* عام* بسيط* مؤكد* أمر* "
        "يصعب* هنا علاق* سهل يجري معروف* فعل جود* استنتاج* واضحا جلي* تخمين* حال ظرف ظروف مثال* نموذجي* افتراض* "
        "شك* يقين* تفسير* كاف* نقص* قصير* جزئ* حقا فعلا تمييز* إدراك* فهم* جزم* متعلق* أحد* مجهول*",
        "وصف* يصف* صف فقر* نص* مهم* طلب* مطلوب* تعليم* عنوان* جمل* ملخص* صور* مقدم* معطا* إليك* لغ* عربي* تفاصيل* "
        "محتوى* نسخ* ملاحظ* كلم* أساس* إجاب* سؤال* مسموح* بحاج* حاج* تتردد* آمل* مساعد* مفيد* شكر* مشارك* لك "
        "مزيد* تحميل* إرفاق* مرفق* ملف* وصول* استلام* إرسال* معالج* تحليل* سياس* قواعد أمان* ممنوع* عذر* آسف* "
        "أعتذر* سأقوم أقوم تريد* أول ثان* مشاهد* نموذج* لغوي* صيغ* بالطبع بالتأكيد شكرا مرحبا أهلا حسنا بكل سرور "
        "نعم تفضل بسرور أملك قدر* رؤي* تلخيص* نحو تالي ترغب* أطول رحب سعة بيانات الرحب والسعة سرد* تقرير* نظرة "
        "بند* شرح* توضيح* مراجع* نهائي* طول* مستخدم* نظام* إذن تصريح* قانون* أخلاق* لائق* حساس* هوي* شخصي* بقي* "
        "أسباب ناقص* رغب* جميل* ممتع* انتظر* لحظ* جاهز* كتاب* إنشاء* إعداد* تالف* مخالف*",
        "بالطبع بالتأكيد شكرا مرحبا أهلا حسنا بكل سرور نعم تفضل بسرور على الرحب والسعة",
        "رجل* رجال* امرأة مرأة نساء ولد* طفل* أطفال* بنت* فتاة* فتى صبي* يد يده يدها يديه يديها أصابع* أم أب "
        "صديق* أصدقاء* كلب* قطة روبوت* طباخ* معلم* عامل*",
        r"(?:ربما|غير واضح|غير الواضح|لا يمكن|ليس|صعب|مستحيل|يبدو|شيئ|شخص ما|\bما\b)",
        "في من على إلى عن مع بين بعد قبل عند حتى ثم أو أن التي الذي و بينما لكن حيث بجانب نحو قرب",
    ),
    "hi": Lexicon(
        "का के की को में से पर और या तथा ने तो भी ही कि जो यह ये वह वे इस इसके इसका इसकी इसे उस उसके उसकी उसका उन "
        "उनके उन्हें है हैं था थे थी हो होता होती होते हुआ हुई हुए रहा रही रहे गया गई गए जा कर करके करना करता "
        "करती करते करें किया एक दो तीन कोई कुछ सब नहीं न ना मत साथ तक लिए बाद पहले जब तब अगर यदि क्या कौन कैसे "
        "कहाँ जिस जिसे किस बीच द्वारा अपना अपनी अपने बहुत अधिक यहाँ वहाँ केवल",
        "व्यक्ति* लोग* लोगों मनुष्य* इंसान* वस्तु* चीज* चीज़* दृश्य* क्लिप* वीडियो* क्षण* क्रिया* कार्य* गतिविधि* "
        "बातचीत अंतःक्रिया* परस्पर घटना* हो* परिवेश* संदर्भ* तरह* प्रकार* विभिन्न* अलग* स्पष्ट* साफ* साफ़* दिख* "
        "नज़र* दिखा* उपयोग* इस्तेमाल* प्रयोग* शायद संभव* संभवतः पता कहना जान* मुश्किल* कठिन* असंभव* जानकारी* बदल* "
        "स्थिति* क्रम* उद्देश्य* अर्थ* कारण* मामल* आकृति* संख्या* धुंधल* सामान्य* किसी निश्चित* बताना संबंध* रूप* "
        "चल समझ* गुणवत्ता निष्कर्ष* अनुमान* परिस्थिति* उदाहरण* विशिष्ट* संदेह* निश्चितता व्याख्या* पर्याप्त* कमी* "
        "छोटा आंशिक* वास्तव* पहचान* सटीक* संबंधित* अज्ञात* कह सकना सकता सकते सकती",
        "वर्णन* विवरण* अनुच्छेद* पैराग्राफ* पाठ* कार्य* अनुरोध* निर्देश* शीर्षक* कैप्शन* वाक्य* सारांश* फ्रेम* "
        "फ़्रेम* चित्रों तस्वीरों हिन्दी* हिंदी* दिए दिया प्रस्तुत* नीचे ज़रूर बेशक सामग्री* संस्करण* टिप्पणी* "
        "नोट* शब्द* आधार* उत्तर* प्रश्न* अनुमति* चाहिए* बताइए* बता* आशा* मदद* सहायता* धन्यवाद* लोड* अपलोड* "
        "संलग्न* फ़ाइल* फाइल* पहुँच* प्राप्त* भेज* संसाधित* विश्लेषण* नीति* नियम* सुरक्षा* क्षमा* खेद* माफ़* "
        "कृपया उपयोगी* एआई* मॉडल* नाते साझा* जरूर धन्यवाद नमस्ते बिल्कुल जी हाँ हां ठीक अवश्य मिला मुझे सार "
        "अनुसार स्वागत कथन* रिपोर्ट* अवलोकन* प्रविष्टि* लेबल* व्याख्या* संशोधित* अंतिम लंबाई* उपयोगकर्ता* सहायक* "
        "भाषा* सिस्टम* क्षमता* कानूनी* नैतिक* अनुचित* संवेदनशील* पहचान* व्यक्तिगत* शेष* कारण* इच्छा* सुंदर* रोचक* "
        "प्रतीक्षा* तैयार* लिखा विरुद्ध",
        "ज़रूर जरूर बेशक धन्यवाद नमस्ते बिल्कुल जी हाँ हां ठीक अवश्य",
        "आदमी* औरत* महिला* लड़का* लड़के* लड़की* बच्च* पुरुष* हाथ* उँगल* माँ पिता* दोस्त* भाई बहन* कुत्त* बिल्ली* मैं",
        r"(?:शायद|स्पष्ट नहीं|नहीं|संभव|मुश्किल|कठिन|असंभव|कोई|कुछ)",
        "का के की को में से पर और या तथा ने कि जो एक अपना अपनी अपने लिए",
    ),
    "ko": Lexicon(
        "그 이 저 그리고 또는 하지만 및 등 수 것 때 더 한 두 세 네 안 못 매우 또 속 중 "
        "후 대해 대한 위해 있* 없* 하* 했* 한다 합니다 됩* 된* 되* 이다 입니다 아니* "
        "않*",
        "사람* 인물* 누군가* 누가 물체* 물건* 사물* 대상* 무언가* 무엇* 뭔가* 장면* "
        "영상* 동영상* 비디오* 클립* 순간* 행동* 동작* 활동* 상호작용* 상황* 환경* "
        "부분* 방식* 종류* 여러* 다양한 특정* 정확* 분명* 명확* 불분명* 불명확* 보이* "
        "보입* 보여* 보인* 나타* 사용* 이용* 수행* 아마* 어쩌면 가능* 확실* 확인* "
        "판단* 어렵* 불가능* 정보* 위치* 바뀌* 변하* 과정* 순서* 어떻게 어떤* 목적 의미 "
        "이유 경우 모습* 흐릿* 모호* 일반* 어느 무슨 것* 같* 관계* 일 일이 일어나* "
        "말하* 품질* 화질* 결론* 명백* 추측* 추정* 상태* 예시* 전형* 가정* 의심* "
        "해석* 충분* 부족* 짧* 일부* 실제* 식별* 인식* 이해* 단정* 관련* 전체* 구분* "
        "알아보* 어떠한 누구* 말할 알 알려* 알아* 알기*",
        "설명* 묘사* 서술* 단락* 문단* 텍스트* 과제* 작업* 요청* 요구* 지시* 프롬프트* "
        "캡션* 자막* 문장* 요약* 프레임* 이미지들* 사진들* 한국어* 제공* 주어진 다음* "
        "아래* 자세* 상세* 내용* 버전* 참고* 메모* 단어* 기반* 답변* 질문* 처리* "
        "해당* 필요* 말씀* 도움* 도와* 바랍* 감사* 물론* 업로드* 첨부* 파일* 접근* "
        "수신* 전송* 분석* 정책* 규정* 안전* 금지* 실패* 로드* 불러* 죄송* 미안* "
        "작성* 훈련* 모델* 드리* 드릴* 형식* 공유* 되었기를 예 물론 물론입니다 알겠습니다 "
        "감사합니다 안녕하세요 물론이죠 좋습니다 이상 이상입니다 언제든지 물어보* 없어 천만에요 "
        "보고* 개요* 항목* 라벨* 해설* 수정* 최종* 규칙* 길이* 사용자* 어시스턴트* "
        "언어* 시스템* 허가* 권한* 능력* 윤리* 부적절* 민감* 신원* 개인정보* 나머지* "
        "이유* 원하* 흥미* 잠시* 기다* 준비* 유용* 완료* 생성* 글 글을 글로 법적* "
        "손상* 위반*",
        "네 예 물론 물론입니다 알겠습니다 감사합니다 안녕하세요 물론이죠 좋습니다 천만에요",
        "남자* 여자* 남성* 여성* 소년* 소녀* 아이* 어린이* 손 손으로 손에 손을 손가락* "
        "양손* 왼손* 오른손* 아기* 엄마* 아빠* 할머니* 할아버지* 친구* 개가 점원* 손님* "
        "직원* 선생* 고양이* 로봇*",
        r"(?:아마|어쩌면|분명하지|명확하지|확실하지|알 수 없|수 없|어렵|불가능|불분명|무언가|뭔가|누군가)",
    ),
    "zh": Lexicon(
        "的 了 着 在 是 和 与 及 或 也 都 就 而 并 但 把 被 给 对 对于 从 到 向 于 以 "
        "为 因 由 由于 所 其 这 那 此 该 个 一 二 两 三 一个 一种 某 某个 某种 某件 有 "
        "没有 无 不 未 无法 不能 不予 可以 可能 能 会 要 应 应该 需 需要 他 她 它 他们 我 "
        "你 您 自己 吗 呢 什么 怎么 如何 哪 谁 上 下 中 里 内 外 前 后 时 又 再 还 很 "
        "更 最 只 仅 之 间 之间 如果 可 来 去 到底 已 们 等 以上 以下 如下",
        "人物 人们 有人 人 物体 物品 物件 东西 对象 事物 事情 事 场景 画面 视频 影片 片段 "
        "录像 镜头 瞬间 动作 活动 互动 交互 行为 事件 发生 正在 进行 做 使用 利用 用 操作 "
        "环境 情况 具体 部分 方式 各种 不同 特定 确切 清楚 清晰 明确 看起来 似乎 好像 看不清 "
        "看 见 出现 显示 展示 或许 也许 大概 判断 确定 辨认 知道 得知 难以 很难 难 不明 未知 "
        "信息 位置 变化 移动 顺序 过程 任何 目的 意义 原因 情形 人影 模糊 任意 简单 大致 关系 "
        "具体情况 什么事 确认 什么东西 质量 结论 明显 猜测 猜 状况 例子 典型 假设 怀疑 肯定 "
        "解释 足够 缺乏 短 真正 实际 辨别 识别 理解 看出 说 说不清 断定 相关 整体 总体 某些 "
        "一些 许多",
        "描述 说明 叙述 段落 一段话 一段 段 话 文字 文本 任务 请求 要求 指令 提示 标题 字幕 "
        "句子 句 概括 总结 帧 图片 图像 中文 提供 所给 给定 下面 根据 按照 详细 细节 内容 "
        "版本 注 备注 列表 写成 写 字 回答 问题 允许 限制 帮助 希望 告诉 请 谢谢 当然 好的 "
        "推测 隐私 自动 生成 提问 马上 开始 服务 加载 载入 上传 附件 文件 访问 收到 接收 发送 "
        "处理 分析 政策 规定 安全 禁止 失败 重试 稍后 抱歉 对不起 没问题 补充 更多 涉及 不便 "
        "篇幅 训练 错误 内容限制 格式 为您 感谢 分享 好 当然可以 您好 你好 明白了 明白 不客气 "
        "叙事 报告 概述 条目 标签 解释 修订 最终 规则 长度 用户 助手 模型 语言 系统 查询 许可 "
        "权限 能力 法律 道德 不当 不适 敏感 身份 个人信息 其余 原因 缺少 愿意 乐意 有趣 稍等 "
        "准备 有用 撰写 符合 完毕 完成 损坏 违反",
        "好的 好 当然 当然可以 谢谢 您好 你好 没问题 明白了 明白 收到 可以 不客气",
        "男 女 孩 手 老人 儿童 他 她 师 工人 员 狗 猫 妈 爸 我",
        r"(?:可能|或许|也许|大概|似乎|不明|不清|难|无法|不知道|未知|没有)",
    ),
    "ja": Lexicon(
        "この その あの これ それ 一つ 一 二 三 中 内 上 下 前 後 時 間 者",
        "人物 人々 人 誰か 誰 物体 物品 物 対象 何か 何 場面 画面 動画 映像 ビデオ クリップ "
        "シーン 瞬間 動作 行動 活動 行為 出来事 状況 環境 部分 方法 様子 種類 使用 使 行 見 "
        "具体的 明確 不明 判断 特定 確認 可能 困難 情報 位置 変化 動 順番 過程 相互作用 関係 "
        "分 目的 意味 理由 場合 人影 曖昧 不鮮明 一般 詳しく 起き 判別 思われ 品質 画質 結論 "
        "明らか 推測 推定 状態 例 典型 仮定 疑 確実 解釈 十分 不足 短 一部 実際 識別 認識 "
        "理解 断定 関連 全体 何らか 思 言 見え 分から",
        "説明(?!書) 説明文 描写 記述 段落 文章 文 課題 依頼 要求 指示 プロンプト キャプション "
        "字幕 要約 フレーム 画像 日本語 提供 与 以下 以上 次 詳細 詳 内容 バージョン 注 備考 "
        "単語 基 回答 答 質問 必要 希望 申 知 自動 生成 書 従 通 求 役 立 読み込 "
        "アップロード 添付 ファイル アクセス 受信 送信 処理 分析 解析 規約 ポリシー 安全 禁止 "
        "失敗 プライバシー 観点 控 訓練 本日 用件 入力 形式 共有 はい もちろん もちろんです "
        "承知しました 承知いたしました かしこまりました ありがとうございます こんにちは 了解しました "
        "わかりました 次のように 報告 概要 項目 ラベル 解説 修正 最終 規則 長さ ユーザー "
        "アシスタント モデル 言語 システム 許可 権限 能力 法律 倫理 不適切 敏感 個人情報 身元 "
        "残り 理由 興味深 お待ち 準備 便利 作成 完了 まとめ 破損 違反 ご利用",
        "はい もちろん もちろんです 承知しました 承知いたしました かしこまりました ありがとうございます "
        "こんにちは 了解しました わかりました",
        "男 女 子 手 彼 師 員 犬 猫 母 父 私",
        r"(?:かもしれ|おそらく|たぶん|はっきり|不明|分かりません|わかりません|分からない|見えません|判断でき|できません|何か|ようです)",
    ),
}
"""By two letters. Other languages are not looked at in this way."""

DENSE = frozenset(("zh", "ja"))
"""Written without spaces: what is left is counted in letters, two for a word."""


SIGNS = re.compile(r"[\u0610-\u061a\u064b-\u0655]")
"""Vowel signs of Arabic, which most writers leave out."""
TAKES_PLACE = re.compile(r"\b(?:takes?|taking|took) place\b")
PREFIXES = re.compile(r"\A[وف]?[بلك]?(?:ال)?(?=\w{2})")
"""What Arabic writes at the beginning of a word: and, with, for, the."""
DOERS = re.compile(
    r"\b(?:an?|the|two|three) (?:\w+ )?(?!paper|water|number|letter|answer|order|computer|server|viewer|observer|"
    r"filter|matter|offer|manner|other|another|whether|either|factor|error|behavior|indoor|outdoor|corner|prefer|writer)"
    r"\w{2,}(?:er|or|ist|ian|man|men|woman)s?\b"
)
"""English names of those who do something: `a driver`, `the violinist`."""


class _Words:
    """Words of a lexicon, exact or by their beginning."""

    def __init__(self, words: str) -> None:
        self.exact = frozenset(word for word in words.split() if not word.endswith("*"))
        self.starts = tuple(word[:-1] for word in words.split() if word.endswith("*"))

    def __contains__(self, word: str) -> bool:
        return word in self.exact or word.startswith(self.starts)


@dataclass(frozen=True, slots=True)
class _Tables:
    function: _Words
    vague: _Words
    task: _Words
    polite: _Words
    actor: _Words
    doubt: re.Pattern[str]
    dangling: frozenset[str]
    parts: re.Pattern[str] | None
    """Of languages without spaces: the words of all three, each list in a group of its own."""


@functools.cache
def tables(language: str) -> _Tables | None:
    lexicon = LEXICONS.get(language)
    if lexicon is None:
        return None
    parts = None
    if language in DENSE:
        lists = {"function": lexicon.function, "vague": lexicon.vague, "task": lexicon.task}
        found = sorted(
            ((word, name) for name, words in lists.items() for word in words.split()), key=lambda each: -len(each[0])
        )
        parts = re.compile("|".join(f"(?P<{name}{at}>{word})" for at, (word, name) in enumerate(found)))
    return _Tables(
        function=_Words(lexicon.function),
        vague=_Words(lexicon.vague),
        task=_Words(lexicon.task),
        polite=_Words(lexicon.polite),
        actor=_Words(lexicon.actor),
        doubt=re.compile(lexicon.doubt, re.IGNORECASE),
        dangling=frozenset(lexicon.dangling.split()),
        parts=parts,
    )


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a text.

    Args:
        words: that tell of something in particular.
        vague: that tell of anything.
        task: different ones that tell of the task.
        doubted: it says that it does not know.
        said: all of its words.
        acted: somebody in particular acts.
    """

    words: int
    vague: int
    task: int
    doubted: bool
    said: int
    acted: bool

    @property
    def share(self) -> float:
        """Of the words that are no function words, those that tell of something."""
        return self.words / max(1, self.words + self.vague + self.task)


def left_of(text: str, language: str, also: frozenset[str] = frozenset()) -> Left | None:
    """What is left of a text without bland words; None for a language whose bland words are not known.

    Args:
        text: without what it quotes.
        language: two letters.
        also: beginnings of words that are bland here, such as those of the prompt.
    """
    known = tables(language)
    if known is None:
        return None
    text = TAKES_PLACE.sub("happens", SIGNS.sub("", text.casefold()))
    doubted = known.doubt.search(text) is not None
    if known.parts is not None:
        return _left_dense(text, known, doubted)
    words = vague = said = acting = 0
    task: set[str] = set()
    for word in languages.WORD.findall(text):
        said += 1
        bare = PREFIXES.sub("", word) if language == "ar" else word
        acting += word in known.actor or bare in known.actor
        if word in known.function or word.isdigit():
            continue
        if word in known.task or bare in known.task:
            task.add(bare[:5])
        elif word in known.vague or bare in known.vague or (word[:5] in also and len(word) > 3):
            vague += 1
        elif bare not in known.function:
            words += 1
    acted = acting > 0 or (language == "en" and DOERS.search(text) is not None)
    return Left(words, vague, len(task), doubted, said, acted)


def _left_dense(text: str, known: _Tables, doubted: bool) -> Left:
    assert known.parts is not None
    said = sum(letter.isalpha() for letter in text)
    vague = 0
    task: set[str] = set()

    def gone(found: re.Match[str]) -> str:
        nonlocal vague
        name = found.lastgroup or ""
        if name.startswith("task"):
            task.add(found.group())
        elif name.startswith("vague"):
            vague += 1
        return " "

    rest = known.parts.sub(gone, text)
    words = sum(letter.isalpha() and not "\u3040" <= letter <= "\u309f" for letter in rest)
    acted = any(each in text for each in known.actor.exact)
    return Left((words + 1) // 2, vague, len(task), doubted, (said + 1) // 2, acted)


def is_polite(text: str, language: str) -> bool:
    """Whether words at the beginning of an answer are said to the one who asked: `Of course!`, `Klar,`."""
    known = tables(language)
    if known is None:
        return False
    words = languages.WORD.findall(SIGNS.sub("", text.casefold()))
    polite = [word in known.polite for word in words]
    return any(polite) and all(kind or word in known.function for kind, word in zip(polite, words, strict=True))


@functools.lru_cache(16)
def stems(text: str) -> frozenset[str]:
    """Beginnings of the longer words of a text."""
    return frozenset(word[:5] for word in languages.WORD.findall(text.casefold()) if len(word) > 3)


LATIN_LANGUAGES = ("en", "de", "es", "fr", "it", "pt")
WINDOW, FOREIGN = 6, 3
"""Words in a row that are looked at for another language, and how many of them must be its function words alone; one
more where a word with a capital letter is among them, which may be a name. In 1401 good captions none had so many."""
LATIN_RUN = re.compile(r"(?:\b[a-z]{1,20}\b[ ,]{1,2}){4}\b[a-z]{1,20}\b")
"""Five words in small Latin letters: no name."""


def switched(text: str, language: str) -> str:
    """Why a part of a sentence is in another language, in words; "" where none is.

    Args:
        text: without what it quotes.
        language: two letters.
    """
    known = tables(language)
    if known is None:
        return ""
    if language not in LATIN_LANGUAGES:
        found = LATIN_RUN.search(text)
        return f"Latin letters ({found.group()[:40]!r}), where {language} was asked for" if found else ""
    words = languages.WORD.findall(text)
    own = [word[0].isupper() or word in known.function or word in known.vague for word in words]
    for other in LATIN_LANGUAGES:
        theirs = tables(other)
        if other == language or theirs is None:
            continue
        foreign = [word in theirs.function.exact and not mine for word, mine in zip(words, own, strict=True)]
        for at in range(len(words) - WINDOW + 1):
            here = words[at : at + WINDOW]
            names = any(word[0].isupper() for word in here)
            if sum(foreign[at : at + WINDOW]) >= FOREIGN + names:
                return f"language {other} ({' '.join(here)[:40]!r}), where {language} was asked for"
    return ""
