"""Texts of the Photos tab."""

from ui.words.translation import Translation


class PhotosWords:
    """The timeline, albums, places, things, and what somebody says of photos."""

    photos_tab = Translation("Photos", "照片")
    photos_views = Translation("What to look through", "浏览方式")
    photos_timeline = Translation("Timeline", "时间线")
    photos_favourites = Translation("Favourites", "收藏")
    photos_videos = Translation("Videos", "视频")
    photos_albums = Translation("Albums", "相册")
    photos_places = Translation("Places", "地点")
    photos_things = Translation("Things", "事物")
    photos_people = Translation("People", "人物")
    photos_count = Translation(("{count} photo", "{count} photos"), ("{count} 张照片", "{count} 张照片"))
    photos_videos_count = Translation(("{count} video", "{count} videos"), ("{count} 个视频", "{count} 个视频"))
    photos_back = Translation("Back", "返回")
    photos_none = Translation("There are no photos yet. Add some in the Library.", "还没有照片。请在图库中添加。")
    photos_none_here = Translation("There is no photo here.", "这里没有照片。")
    photos_favourites_none = Translation(
        "Nothing is a favourite yet. Choose photos and press the heart, or open one and press it there.",
        "还没有收藏。选择照片后点心形，或打开一张照片再点。",
    )
    photos_videos_none = Translation(
        "There are no videos yet. Add some in the Library.", "还没有视频。请在图库中添加。"
    )
    photos_albums_none = Translation(
        "There are no albums yet. Choose photos in the timeline, and type the name of an album below.",
        "还没有相册。请在时间线中选择照片，然后在下方填写相册名称。",
    )
    photos_places_none = Translation(
        "No photo says where it was taken, or none near a city.", "没有照片带有拍摄地点，或附近没有城市。"
    )
    photos_things_none = Translation("Nothing was recognised in photos yet.", "照片中尚未识别出任何事物。")
    photos_undated = Translation("No date", "无日期")
    photos_scrub = Translation("Month", "月份")
    photos_reel = Translation("Photos, newest first", "照片（最新在前）")
    photos_keys = Translation(
        "Arrow keys move, Enter opens, Space chooses, Shift with a click chooses all between.",
        "方向键移动，回车打开，空格选择，按住 Shift 点击可选择一段。",
    )
    photos_choose_all = Translation("Choose all", "全选")
    photos_choose = Translation("Choose {name}", "选择 {name}")
    photos_favourite = Translation("Favourite", "收藏")
    photos_favourite_off = Translation("No favourite any more", "取消收藏")
    photos_rating = Translation("Favourite and stars", "收藏与星级")
    photos_stars = Translation("Stars", "星级")
    photos_star = Translation(("{count} star", "{count} stars"), ("{count} 星", "{count} 星"))
    photos_album = Translation("Album", "相册")
    photos_album_put = Translation("Put into album", "放入相册")
    photos_album_out = Translation("Out of this album", "移出相册")
    photos_album_cover = Translation("Make it the cover", "设为封面")
    photos_album_first = Translation("Put first", "排到最前")
    photos_album_name = Translation("Name of this album", "此相册的名称")
    photos_album_rename = Translation("Rename", "重命名")
    photos_album_delete = Translation("Delete this album", "删除此相册")
    photos_album_sure = Translation(
        "Press again to delete the album. Its photos stay in the library.", "再按一次即删除相册，其中的照片仍在图库中。"
    )
    photos_album_deleted = Translation("The album is deleted. Its photos stay.", "相册已删除，照片仍在。")
    photos_album_which = Translation(
        "Type the name of an album, an old or a new one.", "请填写相册名称，已有的或新的。"
    )
    photos_album_has = Translation("{name} has {photos} now.", "{name} 现有 {photos}。")
    photos_album_left = Translation("{photos} taken out of the album.", "已将 {photos} 移出相册。")
    photos_album_moved = Translation("{photos} put first.", "已将 {photos} 排到最前。")
    photos_album_covered = Translation("The album has a new cover.", "已更换相册封面。")
    photos_album_one = Translation("Choose one photo of the album for its cover.", "请选择一张照片作为封面。")
    photos_only = Translation(
        "Choose photos: only these can be favourites or in albums.", "请选择照片：只有照片可以收藏或放入相册。"
    )
    photos_rated = Translation("Kept for {photos}.", "已保存（{photos}）。")
    photos_sidecars = Translation("Write XMP sidecars", "写入 XMP 附属文件")
    photos_sidecars_begun = Translation(
        "Begun: what you said of {photos} is written beside them. See how it goes under Library.",
        "已开始：你对 {photos} 的描述、星级、收藏和相册会写在照片旁边。可在“图库”中查看进度。",
    )
    photos_share_page = Translation("Share as a page", "分享为网页")
    photos_share_zip = Translation("Share as ZIP", "分享为 ZIP")
    photos_share_places = Translation("with places", "包含地点")
    photos_shared = Translation("{photos} packed into {name}.", "已将 {photos} 打包为 {name}。")
    group_members = Translation("Belongs together", "同属一组")
    group_live = Translation("Live", "实况")
    group_raw = Translation("RAW", "含 RAW")
    group_burst = Translation("Burst of {count}", "连拍 {count} 张")
    photos_bad_range = Translation(
        "This part of the timeline cannot be read. Reload the page.", "无法读取此部分，请重新加载页面。"
    )
    people_consent = Translation(
        "People are off. Switched on, DeepSeek-MM looks for faces in your photos, measures each as 128 numbers, and "
        "groups those that look alike; you say who they are. The numbers and names stay in this library's folder on "
        "this machine, nothing is sent anywhere, no picture of a face is stored, and you can delete all of it here.",
        "人物功能已关闭。开启后，DeepSeek-MM 会在照片中寻找人脸，将每张脸记为 128 个数值，"
        "并把相似的归为一组，由您命名。数值和姓名只保存在本机的图库文件夹中，不会发送到任何地方，不保存人脸图片，您可随时在此全部删除。",
    )
    people_consent_law = Translation(
        "Ask the people in your photos where others use this library too.",
        "如果他人也使用此图库，请先征得照片中人物的同意。",
    )
    people_on = Translation("Switch on and look for faces", "开启并寻找人脸")
    people_off = Translation("Switch off and delete all faces", "关闭并删除所有人脸")
    people_off_sure = Translation(
        "Press again to delete every face and name. Photos stay; backups made before still have them.",
        "再按一次即删除所有人脸和姓名。照片保留；此前的备份中仍有这些数据。",
    )
    people_deleted = Translation("All faces and names are deleted.", "已删除所有人脸和姓名。")
    people_began = Translation("Looking for faces now; this goes on in the background.", "正在后台寻找人脸。")
    people_waiting = Translation("Faces are still being looked for: {photos} to go.", "仍在寻找人脸：还剩 {photos}。")
    people_none = Translation(
        "Nobody is in two photos yet, as far as faces could be found.", "目前还没有在两张照片中找到同一个人。"
    )
    people_named = Translation("Named", "已命名")
    people_unnamed = Translation("Not named yet", "尚未命名")
    people_who = Translation("Who is this?", "这是谁？")
    people_name = Translation("Name of this person", "此人的姓名")
    people_name_give = Translation("Give this name", "命名")
    people_merge = Translation("Same person as", "与谁是同一人")
    people_merge_do = Translation("Merge", "合并")
    people_merge_whom = Translation(
        "Type the name of somebody whom you have named. {name} is not one of them.",
        "请输入已命名人物的姓名，其中没有 {name}。",
    )
    people_not = Translation("Not this person", "不是此人")
    people_remove = Translation("Delete this person", "删除此人")
    people_remove_sure = Translation(
        "Press again to delete this person with all faces. The photos stay.",
        "再按一次即删除此人及其所有人脸，照片保留。",
    )
    people_removed = Translation("This person is deleted. The photos stay.", "已删除此人，照片仍在。")
    people_is = Translation("{name} is in {photos} now.", "{name} 现在有 {photos}。")
    people_told_apart = Translation("{photos} told apart.", "已将 {photos} 区分开。")
