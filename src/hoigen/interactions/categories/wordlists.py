"""Lists of words that no dictionary gives: who acts, what is no thing to act on, which particles belong to verbs."""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ") for word in text.split())


PEOPLE = _set(
    """person people man woman boy girl child kid baby toddler infant teenager teen adult youth lady gentleman guy
    individual human someone somebody everyone everybody anyone one another mother father mom dad parent son
    daughter brother sister grandmother grandfather grandma grandpa couple family friend group crowd team player
    athlete gymnast chef cook barista baker butcher waiter waitress bartender farmer gardener florist mechanic
    technician engineer carpenter welder cobbler tailor potter artist painter sculptor musician guitarist pianist
    violinist drummer cellist singer dancer doctor nurse dentist surgeon scientist teacher student pupil coach
    instructor judge officer soldier policeman firefighter fireman worker builder mover driver pilot passenger
    commuter cyclist biker rider skater skateboarder surfer skier snowboarder swimmer diver sailor rower kayaker
    fisherman angler hiker climber runner jogger goalkeeper pitcher batter boxer wrestler golfer archer opponent
    guest customer shopper vendor seller shopkeeper cashier freelancer janitor cleaner maid photographer cameraman
    actor actress model bride groom spectator onlooker pedestrian neighbor tourist traveler visitor owner
    participant member colleague partner companion craftsman craftswoman artisan blacksmith jeweler hairdresser
    barber stylist shearer shepherd hunter cowboy monk priest patient scholar writer reader operator expert
    professional master apprentice performer magician juggler clown conductor captain crew staff adventurer explorer
    creator host presenter vlogger youngster librarian electrician clerk receptionist pharmacist chemist archaeologist
    astronaut chauffeur courier lumberjack seamstress goldsmith silversmith locksmith mason stonemason machinist
    veterinarian biologist geologist optician curator butler figure male female senior elder twin volunteer villager"""
)
"""Nouns for people, in the singular."""

DEVICES_IN_ER = _set(
    """blender mixer grinder peeler roller dryer drier cooker toaster opener container lighter printer washer stapler
    holder scraper strainer speaker stroller poster slider sweater tractor trailer boiler heater freezer
    refrigerator counter drawer duster planter sprinkler trimmer mower clipper marker cutter ladder water paper
    finger shoulder monitor mirror tower flower corner border layer ruler eraser hammer screwdriver computer
    controller charger timer projector elevator escalator generator motor propeller sticker folder binder locker
    cooler sprayer feeder conveyor router sander plunger hanger slipper cover dresser filter teaser timber number
    chamber center river shower bumper cursor visor sensor processor helicopter cleaver skewer juicer steamer fryer
    reactor rotor starter bunker bomber tanker liner banner burner cracker bleacher"""
)
"""Nouns on -er and -or that are things though they are made of a verb."""

BODY = _set(
    """hand finger thumb palm fist arm elbow wrist shoulder forearm knuckle fingertip leg knee foot toe heel hip thigh
    head face chin cheek nose mouth lip eye eyebrow ear forehead neck throat chest back belly stomach waist body
    tooth tongue breath muscle gaze posture weight brow lap side fingernail jaw hind beard mustache voice limb"""
)
"""One's own body: no object of an interaction."""

BODY_PLURALS = _set("fingers thumbs palms eyes arms shoulders elbows knees fists nails")
"""Never verbs, whatever a dictionary says."""

ACTING_PARTS = _set("hand finger thumb palm fist arm fingertip foot forearm")
"""Parts of the body that captions let act in a person's place."""

PARTITIVES = _set(
    """piece ball slice pair bunch handful set stack group variety kind type sort lot number series strip portion batch
    bit chunk lump pile layer amount couple dozen heap sheet pinch stream array collection back edge handle top
    bottom side end tip part half rest front surface inside outside majority range selection block plenty mound
    splash drizzle dollop swig assortment fistful mouthful bundle roll body section segment corner middle face"""
)
"""`a piece of metal` is metal: what follows `of` is the thing."""

CONTAINERS = _set("cup glass bottle mug bowl jar can box bag basket plate pot bucket tray tube carton pack packet tin")
"""`a cup of tea` is the cup, except for these verbs, which mean what is in it."""
ABOUT_CONTENT = _set("drink sip eat pour add sprinkle gulp chew spill taste swallow")

MATERIALS = _set(
    """wooden wood iron metal steel stainless glass plastic paper cardboard leather cotton wool woolen silk linen denim
    ceramic porcelain stone brick concrete marble granite brass copper bronze silver gold golden aluminum rubber
    bamboo pine oak cast wicker velvet crystal metallic"""
)
"""Stripped from the front of a compound noun: `glass bowl` is a bowl."""

COLOURS = _set(
    """red orange yellow green blue purple violet pink brown black white gray grey beige navy turquoise teal maroon
    cream amber ivory silver gold golden khaki magenta cyan lavender"""
)

DESCRIBING = _set(
    """neon led matching left right rear front upper lower top bottom middle side back main other next last first
    second third fourth single double half whole entire full half-full own same various several many few small large
    big little tiny huge long short young old elderly middle-aged grand acoustic electric cordless fresh wet dry hot
    cold thick thin sharp soft hard clean dirty new modern vintage colorful bright dark light deep heavy round
    square flat narrow wide tall low high open closed damp low-cut medium medium-sized striped checked spotted extra
    clear rich plain afternoon morning evening more most less gas fellow ground"""
)
"""Words that the dictionary knows as nouns, too, but that only describe in front of one."""

ABSTRACT = _set(
    """flavor taste spirit aroma texture descent ascent warmth beauty essence takedown melody talent charm skill trick
    shot game movement motion action activity task process technique step position pose scene atmosphere mood
    feeling sense focus attention moment time second minute hour day half rest part majority side end top bottom
    front back middle corner afternoon evening morning night look glance smile expression view angle perspective
    effort energy emotion pace rhythm speed pressure force balance way direction distance turn break pause sip bite
    gulp breath care precision ease joy interest concentration enthusiasm passion intensity determination confidence
    grace skillfulness agility role music song tune sound noise conversation word story idea point detail pattern
    touch contact control grip hold performance routine exercise exercises training session workout dance match race
    competition work job project craft stroke gesture light lighting shadow sun sunlight sunset scenery landscape
    environment setting background foreground center area space place spot location level height length size shape
    form color style design appearance presence impression effect result beginning start return jump leap flip fun
    life nature weather wind air rain difference change progress success victory celebration party trip journey
    adventure holiday correction adjustment instruction question answer dialogue discussion help support others
    thing something anything everything nothing someone each both kind type order it them itself themselves himself
    herself him her hem verse meaning memory thought mark trail path arc circle curve loop lap round series variety
    strength ripple streak group viewer camera lens reflection video clip footage meter kilometer mile inch"""
)
"""Nouns that name nothing that is handled."""

ABSTRACT_ENDS = ("ity", "ness", "tion", "sion", "ance", "ence", "ism", "ship", "hood", "dom", "acy")
THINGS_WITH_SUCH_ENDS = _set(
    """cushion lotion potion decoration invitation illustration ambulance appliance fence medication section ship
    scooter accordion station television partition installation composition ammunition audience"""
)
"""Nouns on -ity, -tion and the like are no things, but for these."""

PLACES = _set(
    """meadow hilltop dune room kitchen bathroom bedroom house home building apartment hall hallway corridor office
    garage workshop shop store market supermarket restaurant café cafe bar gym gymnasium stadium court field pitch
    park garden yard driveway lawn grass ground street road path trail sidewalk pavement track bridge plaza square
    city town village country countryside forest hill hillside mountain slope cliff valley desert beach shore coast
    sea ocean lake river stream pond sky air background foreground scene stage school classroom library hospital
    church station airport parking_lot lot floor ceiling terrace porch balcony roof barn stable shed farm studio
    factory arena stall rink dock harbor pier entrance exit area space corner side center middle front back top
    bottom distance world environment step stair crowd audience wilderness horizon playground campsite camp island
    canyon cave tunnel alley lane highway baseline traffic"""
)
"""Where one is, goes or looks; with verbs that clean, build or shape (`sweep the floor`), a place is a thing."""

ON_PLACES = _set("sweep mop clean paint wash scrub vacuum polish mow rake plow dig shovel water scrape build repair")

NOT_ACTING = _set(
    """ensure feel mimic savor embody execute showcase slow convey bask celebrate radiate relish be have do seem appear
    become remain stay look see gaze stare face glance smile laugh grin frown talk speak say tell ask discuss wait
    enter leave cross approach exit begin start continue finish try attempt enjoy perform demonstrate display
    express suggest indicate create evoke focus concentrate maintain keep let allow need want like love know think
    consider practice practise notice observe admire feature include depict portray capture reveal explore navigate
    traverse attend join meet win experience emphasize highlight exude exhibit possess own sport share discover
    encounter pass_by surround accompany resemble represent reflect signal circle live breathe hear listen
    prepare_for compare exchange give_way await engage emerge arrive visit tour warn thank help assist instruct
    change repeat reach complete gain lose watch_over judge stand sit lie lean kneel go come get rest teach film
    mark master work"""
)
"""Verbs that are no handling of what follows them: states, looks, talk, going places, and what films do."""

PHRASAL = _set(
    """pick_up put_on put_down put_away put_in take_out take_off take_away take_down pull_out pull_up pull_off
    pull_down turn_on turn_off turn_over set_up set_down blow_out blow_up throw_away cut_off cut_up cut_out wipe_off
    wipe_down wipe_up clean_up roll_up roll_out hang_up plug_in switch_on switch_off wring_out scoop_out scoop_up
    reel_in tie_down tie_up hand_out fill_up break_off tear_off tear_up peel_off lay_down lay_out wrap_up dig_up
    pump_up screw_in screw_on tie_back shake_off brush_off wash_off dry_off put_together take_apart carve_out
    squeeze_out pour_out empty_out sweep_up mop_up strap_on try_on unscrew_off push_in push_out pull_in spread_out
    chop_up beat_up warm_up heat_up light_up mix_in pull_apart run_over flip_over knock_over knock_down tuck_in
    zip_up button_up do_up lock_up drink_up eat_up wind_up snap_off pick_out jack_up fold_up crumple_up"""
)
"""Verb and particle that are one action; another particle is only a direction and is left out."""

PREPOSITIONAL = _set(
    """sit_on sit_at sit_around lie_on lean_on lean_against kneel_on play_with type_on drink_from eat_from sip_from
    bite_into hold_on_to hold_onto jump_on jump_over hop_on ride_on step_on climb_on climb_onto talk_on text_on
    press_on pull_on pull_at tug_at tug_on hang_from hang_on swing_on swing_from blow_on chew_on knock_on tap_on
    write_on draw_on dig_into reach_for run_after bite_on step_onto work_on balance_on operate_on rub_against
    pedal_on cling_to grab_onto tinker_with fiddle_with get_on drill_into cut_into cut_through look_through sit_onto
    lie_in sit_astride eat_at"""
)
"""Verb and preposition whose noun is what one acts on."""

WITH_TOOLS = _set(
    """cut slice chop dice mince peel carve trim scrape stir mix whisk beat brush sweep clean wipe wash scrub dry cover
    fill paint write draw eat measure hit strike drill flip turn lift scoop spread tighten loosen tie season spray
    wet water polish sand dig mark sew stab light load wrap rub pound hammer groom comb shave catch dust decorate
    cut_off wipe_off turn_over scoop_out pick_up cook drink engrave weld solder sharpen shear wipe_down saw split
    erase garnish snip roll_out pull_out crack pry poke prune crush mash flatten open remove cut_out"""
)
"""Verbs after whose object `with ...` names a tool rather than a company or a feature."""

ING_COMPOUNDS = _set(
    """cutting_board chopping_board fishing_rod fishing_line fishing_net steering_wheel sewing_machine washing_machine
    frying_pan welding_torch welding_mask climbing_wall climbing_rope parking_lot parking_meter mixing_bowl
    tuning_peg rolling_pin baking_sheet baking_tray baking_pan knitting_needle running_shoe swimming_pool
    ironing_board dining_table painting_knife measuring_cup measuring_tape boxing_glove sleeping_bag watering_can
    wedding_ring wedding_dress shopping_bag shopping_cart walking_stick hiking_pole ski_pole drinking_glass
    wrapping_paper playing_card soldering_iron spinning_wheel sailing_boat building_block drawing_board writing_desk
    rocking_chair cooking_oil cooking_pot carving_knife living_room dining_room bathing_suit riding_boot
    folding_chair"""
)
"""Compound nouns whose first word is a verb on -ing."""

HANDLED = _set(
    "pour knead stir chop slice peel drop lift roll flip squeeze whisk sprinkle throw toss rinse crack add pick_up"
)
"""Verbs whose passive is something being done (`the potato is peeled`), not a state (`the table is covered`)."""

INTRANSITIVE = _set(
    "jump run stop type bend crouch laugh smile nod lean kneel sit stand walk step turn wait pause buzz"
)
"""Before `and`, these have no share in the object of the next verb: `jumps and catches it`."""

EITHER = _set("model figure")
"""People by themselves, things in a compound: `clay model`."""

DEVICES = _set(
    """vacuum_cleaner pipe_cleaner record_player cd_player music_player video_player media_player cassette_player
    mp3_player dvd_player table_runner hard_drive"""
)
"""Things whose last word is for people."""

WORN = _set("backpack baseball_glove skis snowboard tie")
"""What HICO-DET counts as worn; other clothes are no interaction, as the judge of HOIGen-1M sees it."""

DENIALS = frozenset(["not", "never", "hardly", "barely", "without"])
"""Words before a verb that say that it is not done."""
